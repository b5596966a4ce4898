#include "engine/image_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/json.h"
#include "base/parse.h"
#include "base/signals.h"
#include "base/text.h"

namespace ctr::engine {
namespace {

Error wrong(std::string_view change, std::string_view why) {
  return {Errc::invalid, fmt::format("invalid change \"{}\" - {}", printable(change), why)};
}

// One pair of double quotes around all of it goes.
std::string_view unquote(std::string_view text) {
  const bool is_quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return is_quoted ? text.substr(1, text.size() - 2) : text;
}

// nullopt unless `text` is a JSON array of strings.
std::optional<std::vector<std::string>> parse_words(std::string_view text) {
  if (!text.starts_with('[')) return {};
  const auto json = parse_json(text, "words");
  if (!json || !json->is_array()) return {};
  std::vector<std::string> words;
  for (const auto& word : json->as_array()) {
    if (!word.is_string()) return {};
    words.push_back(word.as_string());
  }
  return words;
}

// A command: words, or a line for the shell.
std::vector<std::string> command_of(std::string_view value) {
  if (auto words = parse_words(value)) return *std::move(words);
  if (value.empty()) return {};
  return {"/bin/sh", "-c", std::string(value)};
}

struct KeyValue {
  std::string key;
  std::string value;
};

KeyValue split_pair(std::string_view text) {
  const auto equals = std::min(text.find('='), text.size());
  const auto value = text.substr(std::min(equals + 1, text.size()));
  return {std::string(unquote(trim(text.substr(0, equals)))), std::string(unquote(value))};
}

void set_variable(oci::ImageConfig& config, const KeyValue& variable) {
  const auto entry = variable.key + "=" + variable.value;
  for (auto& old : config.env) {
    if (!old.starts_with(variable.key + "=")) continue;
    old = entry;
    return;
  }
  config.env.push_back(entry);
}

Result<std::string> parse_port(std::string_view change, std::string_view value) {
  const auto parts = split(value, '/');
  if (parts.size() > 2) return wrong(change, "EXPOSE port must be formatted as PORT[/PROTO]");
  const auto number = parse_unsigned(parts[0], "EXPOSE", 65535);
  if (!number || *number == 0) return wrong(change, "EXPOSE port must be a valid port number");
  const auto protocol = parts.size() == 2 ? to_lower(parts[1]) : std::string("tcp");
  if (protocol != "tcp" && protocol != "udp") return wrong(change, "EXPOSE protocol must be TCP or UDP");
  return fmt::format("{}/{}", *number, protocol);
}

Result<void> add_volumes(oci::ImageConfig& config, std::string_view change, std::string_view value) {
  auto paths = parse_words(value);
  if (!paths) paths = split(value, ' ');
  std::erase(*paths, "");
  if (paths->empty()) return wrong(change, "VOLUME must be given at least one path");
  config.volumes.insert(paths->begin(), paths->end());
  return ok();
}

// An absolute path without ".", ".." and empty components.
std::string join_paths(std::string_view base, std::string_view path) {
  std::vector<std::string> kept;
  const auto whole = path.starts_with('/') ? std::string(path) : fmt::format("{}/{}", base, path);
  for (auto& part : split(whole, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      kept.push_back(std::move(part));
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  return "/" + join(kept, "/");
}

Result<void> apply_pair(oci::ImageConfig& config, std::string_view change, std::string_view value, bool is_label) {
  auto pair = split_pair(value);
  if (pair.key.empty()) return wrong(change, fmt::format("{} must have a key", is_label ? "LABEL" : "ENV"));
  if (is_label) {
    config.labels[pair.key] = std::move(pair.value);
  } else {
    set_variable(config, pair);
  }
  return ok();
}

Result<void> apply(oci::ImageConfig& config, std::string_view change, const std::string& key, std::string_view value) {
  if (key == "CMD" || key == "ENTRYPOINT")
    return (key == "CMD" ? config.cmd : config.entrypoint) = command_of(value), ok();
  if (key == "ENV" || key == "LABEL") return apply_pair(config, change, value, key == "LABEL");
  if (value.empty()) return wrong(change, fmt::format("{} must be given a value", key));
  if (key == "USER") return config.user = value, ok();
  if (key == "WORKDIR") return config.working_dir = join_paths(config.working_dir, value), ok();
  if (key == "ONBUILD") return config.on_build.emplace_back(value), ok();
  if (key == "EXPOSE") return config.exposed_ports.insert(TRY(parse_port(change, value))), ok();
  if (key == "VOLUME") return add_volumes(config, change, value);
  const auto signal = parse_signal(value);
  if (!signal) return wrong(change, "STOPSIGNAL must be given a valid signal: " + signal.error().message());
  config.stop_signal = fmt::format("{}", *signal);
  return ok();
}

}  // namespace

Result<void> apply_change(oci::ImageConfig& config, std::string_view change) {
  static constexpr std::string_view k_keys[] = {"CMD",     "ENTRYPOINT", "ENV",  "EXPOSE", "LABEL",
                                                "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"};
  if (change.find('\0') != std::string_view::npos) return wrong(change, "it has a NUL byte");
  const auto text = trim(change);
  const auto end = text.find_first_of(" \t=");
  if (end == std::string_view::npos) return wrong(change, "must be formatted as KEY VALUE");
  const auto key = to_upper(text.substr(0, end));
  if (std::find(std::begin(k_keys), std::end(k_keys), key) == std::end(k_keys)) {
    return wrong(change, "invalid instruction " + printable(key))
        .with_hint("choose " + join({std::begin(k_keys), std::end(k_keys)}, ", "));
  }
  return apply(config, change, key, trim(text.substr(end + 1)));
}

Result<void> apply_changes(oci::ImageConfig& config, const std::vector<std::string>& changes) {
  for (const auto& change : changes) TRY(apply_change(config, change));
  return ok();
}

}  // namespace ctr::engine

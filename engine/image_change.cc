#include "engine/image_change.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/parse.h"
#include "base/signals.h"
#include "base/text.h"

namespace ctr::engine {
namespace {

using Words = std::vector<std::string>;

Error invalid(std::string_view change, std::string_view why) {
  return {Errc::invalid, fmt::format("invalid change \"{}\" - {}", printable(change), why)};
}

// ["a", "b"] as words; nullopt for anything else, which is the shell form.
std::optional<Words> read_list(std::string_view value) {
  if (!value.starts_with('[')) return std::nullopt;
  const auto json = parse_json(value, "list");
  if (!json || !json->is_array()) return std::nullopt;
  Words words;
  for (const auto& element : json->as_array()) {
    if (!element.is_string()) return std::nullopt;
    words.push_back(element.as_string());
  }
  return words;
}

Words command_of(std::string_view value) {
  if (auto list = read_list(value)) return std::move(*list);
  return {"/bin/sh", "-c", std::string(value)};
}

// Words as a shell separates them: quotes group, a backslash takes the next character as it is.
Words split_words(std::string_view text) {
  Words words;
  std::string word;
  bool open = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size() && quote != '\'') {
      word += text[++i];
      open = true;
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      open = true;
    } else if (c == ' ' || c == '\t') {
      if (open) words.push_back(std::move(word));
      word.clear();
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (open) words.push_back(std::move(word));
  return words;
}

// "k=v k2='v 2'", or "k the rest".
Result<std::vector<std::pair<std::string, std::string>>> read_pairs(std::string_view change, std::string_view value) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& word : split_words(value)) {
    auto pair = split_once(word, '=');
    if (!pair && pairs.empty()) {
      const auto key = value.substr(0, value.find_first_of(" \t"));
      pairs.emplace_back(key, trim(value.substr(key.size())));
      return pairs;
    }
    if (!pair || pair->first.empty()) return invalid(change, fmt::format("'{}' must be KEY=VALUE", printable(word)));
    pairs.push_back(std::move(*pair));
  }
  return pairs;
}

Result<void> set_env(oci::ImageConfig& config, std::string_view change, std::string_view value) {
  for (const auto& [key, text] : TRY(read_pairs(change, value))) {
    const auto prefix = key + "=";
    const auto same = std::find_if(config.env.begin(), config.env.end(),
                                   [&](const std::string& entry) { return entry.starts_with(prefix); });
    if (same == config.env.end()) {
      config.env.push_back(prefix + text);
    } else {
      *same = prefix + text;
    }
  }
  return ok();
}

Result<void> set_labels(oci::ImageConfig& config, std::string_view change, std::string_view value) {
  for (auto& [key, text] : TRY(read_pairs(change, value))) config.labels[key] = std::move(text);
  return ok();
}

Result<void> set_ports(oci::ImageConfig& config, std::string_view change, std::string_view value) {
  for (const auto& word : split_words(value)) {
    const auto parts = split_once(word, '/');
    const std::string port = parts ? parts->first : word;
    const std::string protocol = to_lower(parts ? parts->second : "tcp");
    if (const auto number = parse_unsigned(port, "EXPOSE", 65535); !number || *number == 0) {
      return invalid(change, fmt::format("'{}' is not a port", printable(word)));
    }
    if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
      return invalid(change, fmt::format("'{}' is not tcp, udp or sctp", printable(protocol)));
    }
    config.exposed_ports.insert(port + "/" + protocol);
  }
  return ok();
}

Result<void> set_volumes(oci::ImageConfig& config, std::string_view change, std::string_view value) {
  for (const auto& path : read_list(value).value_or(split_words(value))) {
    if (!path.starts_with('/')) return invalid(change, "a volume needs an absolute path");
    config.volumes.insert(path);
  }
  return ok();
}

Result<void> set_working_dir(oci::ImageConfig& config, std::string_view change, std::string_view value) {
  if (!value.starts_with('/')) return invalid(change, "the working directory needs an absolute path");
  config.working_dir = value;
  return ok();
}

Result<void> set_stop_signal(oci::ImageConfig& config, std::string_view change, std::string_view value) {
  if (!parse_signal(value)) return invalid(change, fmt::format("'{}' is not a signal", printable(value)));
  config.stop_signal = value;
  return ok();
}

}  // namespace

Result<void> apply_change(oci::ImageConfig& config, std::string_view change) {
  size_t end = change.find(' ');
  if (end == std::string_view::npos) end = change.find('=');
  if (end == std::string_view::npos) return invalid(change, "must be formatted as KEY VALUE");
  const std::string key = to_upper(trim(change.substr(0, end)));
  const std::string_view value = trim(change.substr(end + 1));
  if (value.find('\0') != std::string_view::npos) return invalid(change, "it has a NUL byte");
  if (value.empty() && key != "CMD" && key != "ENTRYPOINT") return invalid(change, "it has no value");
  if (key == "CMD") return config.cmd = value.empty() ? Words{} : command_of(value), ok();
  if (key == "ENTRYPOINT") return config.entrypoint = value.empty() ? Words{} : command_of(value), ok();
  if (key == "ENV") return set_env(config, change, value);
  if (key == "EXPOSE") return set_ports(config, change, value);
  if (key == "LABEL") return set_labels(config, change, value);
  if (key == "ONBUILD") return config.on_build.emplace_back(value), ok();
  if (key == "STOPSIGNAL") return set_stop_signal(config, change, value);
  if (key == "USER") return config.user = value, ok();
  if (key == "VOLUME") return set_volumes(config, change, value);
  if (key == "WORKDIR") return set_working_dir(config, change, value);
  return invalid(change, "invalid instruction " + printable(key));
}

}  // namespace ctr::engine

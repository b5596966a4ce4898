#include "engine/env.h"

#include <algorithm>
#include <array>
#include <optional>

namespace ctr::engine {

namespace {

constexpr std::string_view k_default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

constexpr auto k_proxy_variables = std::to_array<std::string_view>(
    {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY"});

bool has_key(std::string_view entry, std::string_view key) {
  return entry.size() > key.size() && entry[key.size()] == '=' && entry.starts_with(key);
}

}  // namespace

void EnvList::set(std::string_view key, std::string_view value) {
  std::string entry(key);
  entry.append("=").append(value);
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const auto& present) { return has_key(present, key); });
  if (found == entries_.end()) {
    entries_.push_back(std::move(entry));
  } else {
    *found = std::move(entry);
  }
}

void EnvList::set_entry(std::string_view entry) {
  const auto equals = entry.find('=');
  if (equals == std::string_view::npos || equals == 0) return;
  set(entry.substr(0, equals), entry.substr(equals + 1));
}

void EnvList::set_entries(const std::vector<std::string>& entries) {
  for (const auto& entry : entries) set_entry(entry);
}

void EnvList::unset(std::string_view key) {
  std::erase_if(entries_, [&](const auto& entry) { return has_key(entry, key); });
}

const std::string* EnvList::find(std::string_view key) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return has_key(entry, key); });
  return found == entries_.end() ? nullptr : &*found;
}

namespace {

bool is_name_char(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string_view name_at(std::string_view text) {
  size_t length = 0;
  while (length < text.size() && is_name_char(text[length])) ++length;
  return text.substr(0, length);
}

std::string_view value_of(const EnvList& env, std::string_view name) {
  const auto* entry = env.find(name);
  return entry == nullptr ? std::string_view() : std::string_view(*entry).substr(name.size() + 1);
}

// What is between the braces; nullopt for what has no meaning.
std::optional<std::string> expand_braces(std::string_view inside, const EnvList& env) {
  const auto name = name_at(inside);
  const auto rest = inside.substr(name.size());
  const auto value = value_of(env, name);
  if (name.empty()) return std::nullopt;
  if (rest.empty()) return std::string(value);
  if (rest.starts_with(":-")) return value.empty() ? expand_variables(rest.substr(2), env) : std::string(value);
  if (rest.starts_with(":+")) return value.empty() ? std::string() : expand_variables(rest.substr(2), env);
  return std::nullopt;
}

}  // namespace

std::string expand_variables(std::string_view text, const EnvList& env) {
  std::string out;
  while (!text.empty()) {
    size_t used = 1;
    if (text.starts_with("\\$")) {
      out += '$';
      used = 2;
    } else if (const auto name = name_at(text.substr(1)); text[0] == '$' && !name.empty()) {
      out += value_of(env, name);
      used = 1 + name.size();
    } else if (const auto end = text.find('}'); text.starts_with("${") && end != std::string_view::npos) {
      const auto value = expand_braces(text.substr(2, end - 2), env);
      out += value ? *value : std::string(text.substr(0, end + 1));
      used = end + 1;
    } else {
      out += text[0];
    }
    text.remove_prefix(used);
  }
  return out;
}

namespace {

// All but what is filled in where nobody set it.
EnvList given_env(const EnvInput& input) {
  const auto& spec = input.spec;
  EnvList env;
  if (!spec.unset_all_env) {
    env.set("PATH", k_default_path);
    env.set("container", "podman");
    if (spec.terminal) env.set("TERM", "xterm");
    env.set_entries(input.image_env);
    env.set_entries(input.config_env);
    for (const auto& entry : spec.env_merge) env.set_entry(expand_variables(entry, env));
    for (const auto& name : spec.unset_env) env.unset(name);
  }
  if (spec.http_proxy) {
    for (const auto name : k_proxy_variables) {
      if (const auto value = environment_value(input.host, std::string(name)); !value.empty()) env.set(name, value);
    }
  }
  env.set_entries(spec.env);
  return env;
}

bool lacks_home(const EnvList& env) {
  const auto* home = env.find("HOME");
  return !home || *home == "HOME=";
}

}  // namespace

bool takes_home_of_account(const EnvInput& input) { return lacks_home(given_env(input)); }

std::vector<std::string> container_env(const EnvInput& input) {
  auto env = given_env(input);
  if (lacks_home(env)) env.set("HOME", input.home);
  if (!env.has("HOSTNAME") && !input.hostname.empty()) env.set("HOSTNAME", input.hostname);
  return env.entries();
}

}  // namespace ctr::engine

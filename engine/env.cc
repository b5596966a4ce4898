#include "engine/env.h"

#include <algorithm>
#include <array>

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

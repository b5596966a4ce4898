#include "engine/hosts.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "engine/network/host_names.h"

namespace ctr::engine {

namespace {

constexpr std::string_view k_host_gateway = "host-gateway";

// Adds a line for the names that are not taken yet.
void add_line(std::string& text, const std::string& address, const std::vector<std::string>& names,
              const std::set<std::string>& taken) {
  std::vector<std::string> left;
  for (const auto& name : names) {
    if (!taken.contains(name)) left.push_back(name);
  }
  if (!left.empty()) text += fmt::format("{}\t{}\n", address, join(left, " "));
}

std::string quoted(std::string_view text) { return dump_json(Json(text)); }

}  // namespace

bool is_ip_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

Result<HostEntry> parse_add_host(std::string_view text) {
  const auto colon = text.find(':');
  HostEntry entry;
  if (colon != std::string_view::npos) {
    for (const auto& name : split(text.substr(0, colon), ';')) {
      if (!name.empty()) entry.names.push_back(name);
    }
    entry.address = std::string(text.substr(colon + 1));
  }
  if (entry.address.starts_with('[') && entry.address.ends_with(']')) {
    entry.address = entry.address.substr(1, entry.address.size() - 2);
  }
  const bool clean = std::all_of(entry.names.begin(), entry.names.end(),
                                 [](const auto& name) { return name.find_first_of(" \t\r\n#") == std::string::npos; });
  if (entry.names.empty() || !clean || (entry.address != k_host_gateway && !is_ip_address(entry.address))) {
    return Error(Errc::invalid, fmt::format("invalid host entry '{}': expected 'name:address'", printable(text)));
  }
  return entry;
}

Result<std::string> hosts_file(const HostsInput& input) {
  std::set<std::string> taken;
  std::string by_hand;
  for (const auto& text : input.add_hosts) {
    auto entry = TRY(parse_add_host(text));
    if (entry.address == k_host_gateway) {
      if (input.host_address.empty()) {
        return Error(Errc::unsupported,
                     fmt::format("'{}' needs an address of the host, and this network has none", printable(text)));
      }
      entry.address = input.host_address;
    }
    by_hand += fmt::format("{}\t{}\n", entry.address, join(entry.names, " "));
    taken.insert(entry.names.begin(), entry.names.end());
  }
  std::string text;
  bool has_localhost = taken.contains("localhost");
  for (const auto& line : split(input.base, '\n')) {
    auto parts = network::line_words(line);
    if (parts.size() < 2) continue;
    const auto address = parts.front();
    parts.erase(parts.begin());
    if (std::find(parts.begin(), parts.end(), "localhost") != parts.end()) has_localhost = true;
    add_line(text, address, parts, taken);
  }
  if (!has_localhost) text += "127.0.0.1\tlocalhost\n::1\tlocalhost\n";
  text += by_hand;
  if (!input.host_address.empty()) {
    add_line(text, input.host_address, {network::k_host_name, network::k_docker_host_name}, taken);
  }
  if (!input.own_address.empty()) add_line(text, input.own_address, input.own_names, taken);
  return text;
}

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  for (const auto& line : split(text, '\n')) {
    if (line.starts_with(';')) continue;
    auto parts = network::line_words(line);
    if (parts.size() < 2) continue;
    const auto key = parts.front();
    parts.erase(parts.begin());
    if (key == "nameserver") {
      conf.servers.push_back(parts.front());
    } else if (key == "search" || key == "domain") {
      conf.search = parts;  // the last one counts
    } else if (key == "options") {
      conf.options.insert(conf.options.end(), parts.begin(), parts.end());
    }
  }
  return conf;
}

std::string resolv_conf_file(const ResolvInput& input) {
  auto conf = parse_resolv_conf(input.host_text);
  if (!input.forwarders.empty()) conf.servers = input.forwarders;
  if (!input.servers.empty()) conf.servers = input.servers;
  if (!input.search.empty()) conf.search = input.search;
  if (!input.options.empty()) conf.options = input.options;
  if (conf.search == std::vector<std::string>{"."}) {
    conf.search.clear();
  } else if (!input.first_search.empty()) {
    conf.search.insert(conf.search.begin(), input.first_search);
  }
  std::string text;
  if (!conf.search.empty()) text += "search " + join(conf.search, " ") + "\n";
  for (const auto& server : conf.servers) text += "nameserver " + server + "\n";
  if (!conf.options.empty()) text += "options " + join(conf.options, " ") + "\n";
  return text;
}

std::string container_env_file(const ContainerEnvInput& input) {
  if (!input.privileged) return {};
  return fmt::format("engine={}\nname={}\nid={}\nimage={}\nimageid={}\nrootless={}\n", quoted("ctr-" + input.version),
                     quoted(input.name), quoted(input.id), quoted(input.image), quoted(input.image_id),
                     input.rootless ? 1 : 0);
}

}  // namespace ctr::engine

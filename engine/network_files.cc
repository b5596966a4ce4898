#include "engine/network_files.h"

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "engine/network/host_names.h"
#include "engine/network/uplink.h"
#include "engine/networks.h"
#include "engine/root_files.h"

namespace ctr::engine {

namespace {

using Mode = NetworkChoice::Mode;
using network::NetworkDefinition;

// A list of hosts that is longer is a mistake, or an attack by an image.
constexpr size_t k_hosts_limit_bytes = size_t{1} << 20;

// --hosts-file: what the container's /etc/hosts begins with.
Result<std::string> base_hosts(const std::string& choice, const runtime::RootfsPlan& rootfs) {
  if (choice == "none") return std::string();
  if (choice.empty()) return TRY(read_file_if_exists("/etc/hosts")).value_or("");
  if (choice != "image") return TRY(read_file(choice, k_hosts_limit_bytes).context("--hosts-file"));
  auto image_root = rootfs;
  image_root.upper_dir.clear();
  return TRY(TRY(open_root_view(image_root)).read_file("etc/hosts", k_hosts_limit_bytes)).value_or("");
}

bool leads_out(const std::vector<NetworkDefinition>& networks) {
  return std::any_of(networks.begin(), networks.end(), [](const auto& network) { return network.has_default_route(); });
}

// The first network that has names answers for all of them.
std::optional<network::IpAddress> find_resolver(const std::vector<NetworkDefinition>& networks) {
  for (const auto& network : networks) {
    if (auto address = network.names_address()) return address;
  }
  return std::nullopt;
}

// The program that serves the private network passes questions on to the host's servers, whichever those are then.
std::vector<std::string> uplink_resolvers(const network::UplinkOptions& options, const HostNetwork& host) {
  std::vector<std::string> resolvers = {network::uplink_addresses(options).resolver};
  if (!options.ipv6.value_or(host.ipv6)) return resolvers;
  const auto servers = parse_resolv_conf(host.resolv_conf).servers;
  const auto is_ipv6 = [](const auto& server) { return server.find(':') != std::string::npos; };
  if (std::none_of(servers.begin(), servers.end(), is_ipv6)) return resolvers;
  // IPv4 questions go to IPv4 servers alone: where there are none, the other one is asked first.
  const bool ipv6_alone = std::all_of(servers.begin(), servers.end(), is_ipv6);
  resolvers.insert(ipv6_alone ? resolvers.begin() : resolvers.end(), std::string(network::k_resolver_address6));
  return resolvers;
}

network::UplinkOptions options_of(const ContainerSpec& spec) {
  if (spec.network.mode != Mode::private_) return {};
  return network::parse_uplink_options(spec.network).value_or(network::UplinkOptions());
}

// A server on the host's loopback is none in another network namespace.
std::string without_loopback_servers(const std::string& resolv_conf) {
  std::string out;
  for (const auto& line : split(resolv_conf, '\n')) {
    const auto servers = parse_resolv_conf(line).servers;
    const bool loopback = !servers.empty() && (servers.front().starts_with("127.") || servers.front() == "::1");
    if (!loopback) out += line + "\n";
  }
  return out;
}

Result<std::vector<NetworkDefinition>> networks_of(Core& core, const ContainerSpec& spec) {
  std::vector<NetworkDefinition> networks;
  const NetworkStore store(core.options().paths.store);
  for (const auto& wanted : spec.network.networks) {
    auto network = TRY(store.find(wanted.network));
    if (!network) return unknown_network(wanted.network);
    networks.push_back(std::move(*network));
  }
  return networks;
}

}  // namespace

bool has_resolv_conf(const ContainerSpec& spec) {
  if (spec.dns_servers == std::vector<std::string>{"none"}) return false;
  return spec.network.mode != Mode::none || !spec.dns_servers.empty();
}

ResolvInput resolv_input(const ContainerSpec& spec, const Config& config, const HostNetwork& host,
                         const std::vector<NetworkDefinition>& networks) {
  ResolvInput resolv;
  resolv.host_text = host.resolv_conf;
  resolv.servers = spec.dns_servers.empty() ? config.dns_servers : spec.dns_servers;
  resolv.search = spec.dns_search.empty() ? config.dns_searches : spec.dns_search;
  resolv.options = spec.dns_options.empty() ? config.dns_options : spec.dns_options;
  switch (spec.network.mode) {
    case Mode::private_:
      resolv.forwarders = uplink_resolvers(options_of(spec), host);
      break;
    case Mode::bridge:
      if (const auto resolver = find_resolver(networks)) {
        // It knows the members, and asks the servers that were given by hand for other names.
        resolv.servers.clear();
        resolv.forwarders = {resolver->to_string()};
        resolv.first_search = std::string(network::k_names_domain);
      } else if (leads_out(networks)) {
        resolv.forwarders = uplink_resolvers({}, host);
      } else {
        resolv.host_text = without_loopback_servers(host.resolv_conf);
      }
      break;
    case Mode::path:
      resolv.host_text = without_loopback_servers(host.resolv_conf);
      break;
    default:
      break;
  }
  return resolv;
}

std::string own_address(const ContainerSpec& spec) {
  switch (spec.network.mode) {
    case Mode::private_:
      return network::uplink_addresses(options_of(spec)).container;
    case Mode::bridge:
      return {};
    case Mode::host:
      // What Debian calls the machine's own name.
      return "127.0.1.1";
    default:
      return "127.0.0.1";
  }
}

std::string host_address_for(const ContainerSpec& spec, const Config& config, const HostNetwork& host,
                             const std::vector<NetworkDefinition>& networks) {
  if (!config.host_containers_internal_ip.empty()) return config.host_containers_internal_ip;
  const auto mode = spec.network.mode;
  if (mode == Mode::none || (mode == Mode::bridge && !leads_out(networks))) return {};
  const auto options = options_of(spec);
  if (options.host_loopback) return network::uplink_addresses(options).gateway;
  // With the host's own network it is there, whatever else is.
  if (mode == Mode::host && host.address.empty()) return "127.0.0.1";
  return host.address;
}

Result<std::vector<std::pair<std::string, std::string>>> network_files(Core& core, const ContainerSpec& spec,
                                                                       const std::vector<std::string>& own_names,
                                                                       const runtime::RootfsPlan& rootfs) {
  std::vector<std::pair<std::string, std::string>> files;
  if (spec.network.mode == Mode::container || spec.network.mode == Mode::pod) return files;
  const auto* config = TRY(core.config());
  HostNetwork host;
  host.resolv_conf = TRY(read_file_if_exists("/etc/resolv.conf")).value_or("");
  host.address = network::host_address();
  const bool has_ipv6_server = host.resolv_conf.find(':') != std::string::npos;
  host.ipv6 = has_ipv6_server && network::host_has_ipv6_route();
  const auto networks = TRY(networks_of(core, spec));
  if (has_resolv_conf(spec)) {
    files.emplace_back("resolv.conf", resolv_conf_file(resolv_input(spec, *config, host, networks)));
  }
  if (spec.no_hosts || config->no_hosts) return files;
  HostsInput hosts;
  hosts.base = TRY(base_hosts(spec.hosts_file.empty() ? config->base_hosts_file : spec.hosts_file, rootfs));
  hosts.add_hosts = spec.add_hosts;
  hosts.own_names = own_names;
  hosts.own_address = own_address(spec);
  hosts.host_address = host_address_for(spec, *config, host, networks);
  files.emplace_back("hosts", TRY(hosts_file(hosts)));
  return files;
}

}  // namespace ctr::engine

#include "engine/plan_definition.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::engine {

namespace {

using network::IpPrefix;
using network::NetworkDefinition;
using network::NetworkSubnet;

Error wrong(std::string message) { return Error(Errc::invalid, std::move(message)); }

// The first of podman1, podman2, … that no other network calls its bridge or itself.
std::string free_interface(const std::vector<NetworkDefinition>& others) {
  for (int number = 1;; ++number) {
    auto name = fmt::format("podman{}", number);
    const bool taken = std::any_of(others.begin(), others.end(), [&](const auto& other) {
      return other.interface_name == name || other.name == name;
    });
    if (!taken) return name;
  }
}

// "10.89.1.128/25", or "10.89.1.10-10.89.1.20".
Result<void> set_range(NetworkSubnet& subnet, const std::string& text) {
  if (const auto ends = split_once(text, '-')) {
    subnet.first = TRY(network::parse_ip_address(ends->first));
    subnet.last = TRY(network::parse_ip_address(ends->second));
    if (subnet.first->family == subnet.last->family && !is_below(*subnet.last, *subnet.first)) return ok();
    return wrong(fmt::format("the range {} ends before it begins", printable(text)));
  }
  const auto range = TRY(network::parse_prefix(text));
  subnet.first = network::first_host(range);
  subnet.last = network::last_address(range);
  return ok();
}

Result<network::NetworkRoute> parse_route(const std::string& text) {
  const auto parts = split(text, ',');
  if (parts.size() < 2 || parts.size() > 3) {
    return wrong(fmt::format("invalid route: {}: must be SUBNET,GATEWAY[,METRIC]", printable(text)));
  }
  network::NetworkRoute route{TRY(network::parse_prefix(parts[0])), TRY(network::parse_ip_address(parts[1])), 0};
  if (route.destination.base.family != route.gateway.family) {
    return wrong(fmt::format("invalid route: {}: subnet and gateway are of different families", printable(text)));
  }
  if (parts.size() == 3) {
    route.metric = static_cast<uint32_t>(TRY(parse_unsigned(parts[2], "the metric of a route", UINT32_MAX)));
  }
  return route;
}

Result<std::vector<NetworkSubnet>> named_subnets(const NetworkOptions& options, const std::vector<IpPrefix>& taken) {
  if (options.subnets.empty() && !(options.gateways.empty() && options.ranges.empty())) {
    return wrong("cannot set gateway or range without subnet");
  }
  if (options.gateways.size() > options.subnets.size()) return wrong("cannot set more gateways than subnets");
  if (options.ranges.size() > options.subnets.size()) return wrong("cannot set more ranges than subnets");
  std::vector<NetworkSubnet> out;
  for (size_t i = 0; i < options.subnets.size(); ++i) {
    NetworkSubnet subnet;
    subnet.subnet = TRY(network::parse_prefix(options.subnets[i]));
    const bool used = std::any_of(taken.begin(), taken.end(),
                                  [&](const auto& other) { return network::overlap(other, subnet.subnet); });
    if (used) {
      return wrong(
          fmt::format("subnet {} is already used on the host or by another config", network::to_string(subnet.subnet)));
    }
    if (i < options.gateways.size()) subnet.gateway = TRY(network::parse_ip_address(options.gateways[i]));
    if (i < options.ranges.size()) TRY(set_range(subnet, options.ranges[i]));
    out.push_back(subnet);
  }
  return out;
}

bool has_family(const std::vector<NetworkSubnet>& subnets, int family) {
  return std::any_of(subnets.begin(), subnets.end(),
                     [&](const auto& subnet) { return subnet.subnet.base.family == family; });
}

Result<std::vector<NetworkSubnet>> choose_subnets(const NetworkOptions& options, const std::vector<IpPrefix>& taken) {
  auto subnets = TRY(named_subnets(options, taken));
  if (!has_family(subnets, AF_INET) && (subnets.empty() || options.ipv6)) {
    NetworkSubnet subnet;
    subnet.subnet = TRY(network::free_ipv4_subnet(taken));
    subnets.push_back(subnet);
  }
  if (options.ipv6 && !has_family(subnets, AF_INET6)) {
    NetworkSubnet subnet;
    subnet.subnet = network::free_ipv6_subnet(taken);
    subnets.push_back(subnet);
  }
  return subnets;
}

// What docker calls the options of a bridge.
Result<void> set_options(const NetworkOptions& options, NetworkDefinition& out) {
  for (const auto& [key, value] : options.options) {
    if (key == "com.docker.network.bridge.name") {
      out.interface_name = value;
    } else if (key == "com.docker.network.driver.mtu") {
      out.options["mtu"] = value;
    } else {
      out.options[key] = value;
    }
  }
  return ok();
}

std::vector<IpPrefix> taken_subnets(const DefinitionInput& input) {
  auto taken = input.routed;
  for (const auto& other : input.others) {
    for (const auto& subnet : other.subnets) taken.push_back(subnet.subnet);
  }
  return taken;
}

// Words that --network understands by itself: nobody could join a network of that name.
Result<void> check_not_mode(const std::string& name) {
  for (const std::string_view mode :
       {"bridge", "container", "default", "host", "none", "ns", "pasta", "private", "slirp4netns"}) {
    if (name != mode) continue;
    return wrong(
        fmt::format("cannot create network with name \"{}\" because it conflicts with a valid network mode", name));
  }
  return ok();
}

Result<void> check_free(const NetworkDefinition& out, const std::vector<NetworkDefinition>& others) {
  for (const auto& other : others) {
    if (other.name == out.name) {
      return Error(Errc::exists, fmt::format("network name {} already used: network already exists", out.name))
          .with_hint("with --ignore the network that is there will do");
    }
    if (other.interface_name == out.interface_name) {
      return wrong(fmt::format("bridge name {} already in use by network {}", out.interface_name, other.name));
    }
  }
  return ok();
}

Result<void> check_subnet_usable(const NetworkSubnet& subnet) {
  const auto& base = subnet.subnet.base;
  const bool ipv4 = base.family == AF_INET;
  // Loopback and groups. Source: RFC 6890, RFC 5771, RFC 4291.
  if (ipv4 ? base.bytes[0] == 127 || base.bytes[0] >= 224 : base.bytes[0] == 0xff) {
    return wrong(fmt::format("no network can have the subnet {}: its addresses are those of no host",
                             network::to_string(subnet.subnet)))
        .with_hint("private addresses are 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fd00::/8");
  }
  const bool reserved = subnet.gateway == base || (ipv4 && subnet.gateway == network::last_address(subnet.subnet));
  if (!reserved) return ok();
  return wrong(fmt::format("gateway {} is no address of a host in subnet {}", subnet.gateway->to_string(),
                           network::to_string(subnet.subnet)));
}

// What would be refused only when a container joins.
Result<void> check_usable(const NetworkDefinition& out) {
  constexpr uint32_t k_lowest_ipv6_mtu = 1280;  // RFC 8200
  for (const auto& subnet : out.subnets) TRY(check_subnet_usable(subnet));
  const auto mtu = out.mtu_bytes();
  if (has_family(out.subnets, AF_INET6) && mtu != 0 && mtu < k_lowest_ipv6_mtu) {
    return wrong(fmt::format("mtu {} is too small for IPv6, which needs {}", mtu, k_lowest_ipv6_mtu));
  }
  if (out.interface_name == "lo") return wrong("'lo' cannot be the name of a bridge: it is that of the loopback");
  for (const auto& route : out.routes) {
    const bool reached = std::any_of(out.subnets.begin(), out.subnets.end(), [&](const auto& subnet) {
      return network::contains(subnet.subnet, route.gateway);
    });
    if (!reached) return wrong(fmt::format("the gateway {} of a route is in no subnet", route.gateway.to_string()));
  }
  return ok();
}

}  // namespace

Result<NetworkDefinition> plan_definition(const DefinitionInput& input) {
  const auto& options = input.options;
  NetworkDefinition out;
  const auto free_name = free_interface(input.others);
  out.name = options.name.empty() ? free_name : options.name;
  TRY(network::check_network_name(out.name));
  TRY(check_not_mode(out.name));
  out.id = input.id;
  out.driver = options.driver.empty() ? "bridge" : options.driver;
  out.created = input.now;
  out.labels = options.labels;
  out.internal = options.internal;
  out.ipam = options.ipam_driver.empty() ? "host-local" : options.ipam_driver;
  // Without addresses there is nobody who could be asked.
  out.dns = !options.disable_dns && out.ipam != "none";
  out.dns_servers = options.dns_servers;
  out.interface_name = free_name;
  TRY(set_options(options, out));
  if (!options.interface_name.empty()) out.interface_name = options.interface_name;
  TRY(check_free(out, input.others));
  if (!out.dns && !out.dns_servers.empty()) {
    return wrong("cannot set NetworkDNSServers if DNS is not enabled for the network: invalid argument");
  }
  if (out.ipam == "none") {
    if (!options.subnets.empty()) return wrong("none ipam driver is set but subnets are given");
  } else {
    out.subnets = TRY(choose_subnets(options, taken_subnets(input)));
  }
  out.ipv6 = options.ipv6 || has_family(out.subnets, AF_INET6);
  for (auto& subnet : out.subnets) {
    // Without a way out and without names nobody would use it.
    const bool wants_gateway = !out.internal || out.dns;
    if (!subnet.gateway && wants_gateway) subnet.gateway = network::first_host(subnet.subnet);
  }
  for (const auto& text : options.routes) out.routes.push_back(TRY(parse_route(text)));
  TRY(network::check_definition(out));
  TRY(check_usable(out));
  return out;
}

}  // namespace ctr::engine

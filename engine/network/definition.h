// Networks as users make them: what a definition file says, in the form that netavark(1) and podman read and write.
//
// Source: podman-network-create(1), netavark's documentation of its network options.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/network/netlink.h"
#include "engine/network/prefix.h"

namespace ctr::engine::network {

// The network that `--network bridge` means. It is there without a definition file, and has no names.
inline constexpr std::string_view k_default_network = "podman";

// Where the names of members are: "web.ctr.internal" is as "web".
inline constexpr std::string_view k_names_domain = "ctr.internal";

struct NetworkSubnet {
  IpPrefix subnet;
  std::optional<IpAddress> gateway;      // of the bridge
  std::optional<IpAddress> first, last;  // what containers get that ask for no address; absent: all
  bool operator==(const NetworkSubnet&) const = default;
};

struct NetworkRoute {
  IpPrefix destination;
  IpAddress gateway;
  uint32_t metric = 0;  // 0: none was given
  bool operator==(const NetworkRoute&) const = default;
};

struct NetworkDefinition {
  std::string name;
  std::string id;  // 64 hex digits
  std::string driver = "bridge";
  std::string interface_name;  // of the bridge
  TimePoint created{};
  std::vector<NetworkSubnet> subnets;
  std::vector<NetworkRoute> routes;
  bool ipv6 = false;
  bool internal = false;  // no way out
  bool dns = true;        // members find each other by name
  std::vector<std::string> dns_servers;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> options;
  std::string ipam = "host-local";  // or "none": nobody gets an address
  bool operator==(const NetworkDefinition&) const = default;

  uint32_t mtu_bytes() const;      // 0: the kernel's
  uint32_t metric() const;         // of several networks, the one with the lowest is the way out
  bool has_default_route() const;  // members reach the world over it
  // The gateway that the network's resolver answers at; nullopt where members have no names, or there is no gateway.
  std::optional<IpAddress> names_address() const;
};

Json to_json(const NetworkDefinition& definition);
// Errors: invalid, with what is wrong where.
Result<NetworkDefinition> definition_from_json(const JsonReader& reader);
// Errors: invalid; unsupported for what a network without rights over the host cannot be.
Result<void> check_definition(const NetworkDefinition& definition);
// What `name` must be, so that it can be that of a file: [a-zA-Z0-9][a-zA-Z0-9_.-]*. Errors: invalid.
Result<void> check_network_name(std::string_view name);

// The definition of k_default_network.
NetworkDefinition default_network();

}  // namespace ctr::engine::network

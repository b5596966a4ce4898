// What netproxy does for a network namespace, decided before anything is made. netproxy is the process beside a
// container that publishes its ports: see engine/network/proxy/part.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/network/netlink.h"

namespace ctr::engine::network {

enum class PortProtocol { tcp, udp };
std::string_view protocol_name(PortProtocol protocol);

// One port of the host that leads to one of the container.
struct PublishedPort {
  PortProtocol protocol = PortProtocol::tcp;
  std::string host_ip;  // empty: all addresses of both families
  uint16_t host_port = 0;
  uint16_t container_port = 0;
  bool operator==(const PublishedPort&) const = default;
};
Json to_json(const PublishedPort& port);
Result<PublishedPort> published_port_from_json(const JsonReader& reader);

// The addresses of the container to which what comes in goes, and those as which clients without an address that is
// known in there appear.
struct ProxyAddresses {
  std::optional<IpAddress> container4, container6;
  std::optional<IpAddress> gateway4, gateway6;
  bool operator==(const ProxyAddresses&) const = default;
};
Json to_json(const ProxyAddresses& addresses);
Result<ProxyAddresses> proxy_addresses_from_json(const JsonReader& reader);

// What answers questions about names needs to know.
struct ResolverPlan {
  std::string net_dir;       // $XDG_RUNTIME_DIR/ctr/net, where the networks say who is in them
  std::string host_address;  // of host.containers.internal; empty: the host's own, whichever that is then
  bool operator==(const ResolverPlan&) const = default;
};

struct ProxyPlan {
  // Their listening sockets come beside the plan, in the same order: see LaunchPlan::engine_fds.
  std::vector<PublishedPort> ports;
  std::optional<ResolverPlan> resolver;  // nullopt: in no user network
  bool operator==(const ProxyPlan&) const = default;
};
Json to_json(const ProxyPlan& plan);
Result<ProxyPlan> proxy_plan_from_json(const JsonReader& reader);

}  // namespace ctr::engine::network

// rtnetlink requests on a socket that was opened inside a network namespace and handed out to us.
//
// Every request is sent with an explicit kernel address: the kernel then checks the capabilities of the sender alone,
// which owns the namespace's user namespace, and not those of the process that opened the socket. Source: rtnetlink(7),
// netlink(7).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace ctr::engine::network {

// An IPv4 or IPv6 address as a value.
struct IpAddress {
  int family = 0;  // AF_INET or AF_INET6
  std::array<uint8_t, 16> bytes{};
  size_t size_bytes() const;
  std::string to_string() const;
  bool operator==(const IpAddress&) const = default;
};
// Errors: invalid.
Result<IpAddress> parse_ip_address(std::string_view text);

struct DefaultRoute {
  int link_index = 0;
  IpAddress gateway;
  // The gateway is on the link although no address of the link covers it.
  bool on_link = false;
  std::optional<IpAddress> preferred_source = {};
};

// Part of an address space: an address with zeros behind the first `bits`.
struct IpPrefix {
  IpAddress base;
  uint8_t bits = 0;
  bool operator==(const IpPrefix&) const = default;
};

struct StaticRoute {
  int link_index = 0;
  IpPrefix destination;
  IpAddress gateway;
  uint32_t metric = 0;  // 0: the kernel's
};

using MacAddress = std::array<uint8_t, 6>;

// A pair of interfaces: one in the namespace of the socket, a port of a bridge there, and its peer somewhere else.
struct VethPair {
  std::string name;
  int bridge_index = 0;
  std::string peer_name;
  MacAddress peer_mac{};
  int peer_namespace = -1;  // of a network namespace of this user's
  uint32_t mtu_bytes = 0;   // 0: the kernel's
};

class [[nodiscard]] Netlink {
 public:
  explicit Netlink(Fd socket) : socket_(std::move(socket)) {}

  // Errors: not_found.
  Result<int> link_index(std::string_view name);
  Result<void> set_link_up(int index);
  Result<void> set_link_mtu(int index, uint32_t mtu_bytes);
  Result<void> set_link_queue(int index, uint32_t packets);
  // Whether the others of the prefix are on the link.
  enum class Neighbours { on_link, behind_gateway };
  // IPv6 addresses skip duplicate address detection: nobody else is on these links.
  Result<void> add_address(int link_index, const IpAddress& address, uint8_t prefix_bits,
                           Neighbours neighbours = Neighbours::on_link);
  // Takes the place of one that is there. So do those below.
  Result<void> add_default_route(const DefaultRoute& route);
  Result<void> add_route(const StaticRoute& route);
  // A bridge that is up, and passes frames on at once. Without an address of its own it would have the lowest one of
  // its ports, another one whenever a port comes or goes, while neighbours remember the former.
  Result<void> add_bridge(const std::string& name, const MacAddress& mac, uint32_t mtu_bytes);
  // The peer is down yet. Errors: exists.
  Result<void> add_veth(const VethPair& pair);
  // Errors: not_found.
  Result<void> remove_link(int index);

 private:
  Fd socket_;
  uint32_t sequence_ = 0;
};

// True if the host has a default route of this family (AF_INET or AF_INET6) over a link other than loopback.
// Source: proc_net_route of the kernel: /proc/net/route and /proc/net/ipv6_route.
bool has_default_route(std::string_view route_table, int family);

}  // namespace ctr::engine::network

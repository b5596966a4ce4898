// Addresses with a port, and as whom a client appears to the container.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "engine/network/netlink.h"
#include "engine/network/proxy_plan.h"

namespace ctr::engine::network {

struct Endpoint {
  IpAddress ip;
  uint16_t port = 0;
  uint32_t scope = 0;  // the interface of a link-local address
  bool operator==(const Endpoint&) const = default;
};

// As the system calls take it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
SocketAddress to_socket_address(const Endpoint& endpoint);
// An IPv4 address in IPv6 clothes comes out as what it is.
Endpoint from_socket_address(const SocketAddress& address);
IpAddress unmapped(const IpAddress& address);
bool is_loopback(const IpAddress& ip);

// One end and the other of what the container sees of a connection.
struct Passage {
  Endpoint source;  // the client, or the gateway
  Endpoint target;  // the container
  bool operator==(const Passage&) const = default;
};
// nullopt where the container has no address to send to, or the client's is none to answer to.
//
// A client of this host's loopback, with a link-local address or the container's own is none that the container could
// answer: it appears as the gateway. So does one of the family that the container has no address of.
std::optional<Passage> plan_passage(const Endpoint& client, uint16_t container_port, const ProxyAddresses& addresses);

// A socket in the container's network namespace that is bound to `source`, whoever has that address. Where its port
// cannot be had there the kernel chooses one. `type` is SOCK_STREAM or SOCK_DGRAM.
enum class SourcePort { wanted, any };
Result<Fd> open_as(const Endpoint& source, int type, SourcePort port);

// What marks packets of published connections, in a container's network namespace; the tables are for their answers.
inline constexpr uint32_t k_proxy_mark = 0x636;
inline constexpr uint32_t k_udp_table = 636;
inline constexpr uint32_t k_mark_table = 637;

// How connections send that do not leave the machine. They have no bottleneck to look for, while the algorithm that was
// chosen for the host may send by a timer (BBR does), which halves what they carry. Every kernel has this one.
inline constexpr std::string_view k_local_congestion_control = "reno";

}  // namespace ctr::engine::network

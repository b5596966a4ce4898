// Routing in a container's network namespace that brings the answers to published connections back to netproxy.
//
// TCP: the first packet carries a mark, what the server's socket sends back carries it too (tcp_fwmark_accept, and
// fwmark_reflect for refusals), and marked packets are delivered on this machine whatever their address is. UDP: what
// comes from a published port is delivered here if it goes to an address that is a client at the time.
// Packets of others are routed as ever.
#pragma once

#include <cstdint>

#include "base/fd.h"
#include "base/result.h"
#include "engine/network/netlink.h"

namespace ctr::engine::network {

class [[nodiscard]] ProxyRules {
 public:
  // Switches the marks on and opens what change takes later.
  static Result<ProxyRules> make();

  // What a published UDP port sends is looked at.
  Result<void> add_udp_port(uint16_t port);
  Result<void> remove_udp_port(uint16_t port);
  // `client` is one who talks to the container at `container`.
  Result<void> add_udp_client(const IpAddress& client, const IpAddress& container);
  Result<void> remove_udp_client(const IpAddress& client);
  // Whether the kernel knows IPv6 in there.
  bool has_ipv6() const { return has_ipv6_; }

 private:
  explicit ProxyRules(Fd socket) : socket_(std::move(socket)) {}
  Result<void> bring_up_loopback();
  Result<void> add_mark_rules(int family);
  Result<void> change_udp_rule(int family, uint16_t port, uint16_t type, uint16_t flags);

  Fd socket_;
  uint32_t sequence_ = 0;
  bool has_ipv6_ = false;
};

}  // namespace ctr::engine::network

// Arithmetic on address spaces: subnets, their addresses, and which of them are free.
//
// Source: RFC 4632 (IPv4 prefixes), RFC 4193 (unique local IPv6 addresses).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/network/netlink.h"

namespace ctr::engine::network {

// "10.89.0.0/24"; bits behind the length are cleared. Errors: invalid.
Result<IpPrefix> parse_prefix(std::string_view text);
std::string to_string(const IpPrefix& prefix);
// The address with the bits behind the first `bits` cleared.
IpPrefix prefix_of(const IpAddress& address, uint8_t bits);

bool contains(const IpPrefix& prefix, const IpAddress& address);
bool overlap(const IpPrefix& a, const IpPrefix& b);
// The address behind this one; that behind the last one is the first.
IpAddress next_address(const IpAddress& address);
bool is_below(const IpAddress& a, const IpAddress& b);
// The last address: of IPv4 the one for broadcasts.
IpAddress last_address(const IpPrefix& prefix);
// The first address that a host can have: the one behind the base.
IpAddress first_host(const IpPrefix& prefix);

// "02:42:0a:59:00:05".
Result<MacAddress> parse_mac(std::string_view text);
std::string to_string(const MacAddress& mac);
// 02:42 and the last four bytes of the address: neighbours that have seen the address before are right about it, also
// when another container has it now.
MacAddress mac_of(const IpAddress& address);

// The networks that the host has routes to, over any interface. `ipv4` and `ipv6`: /proc/net/route and
// /proc/net/ipv6_route.
std::vector<IpPrefix> routed_prefixes(std::string_view ipv4, std::string_view ipv6);

// The first of 10.89.0.0/24, 10.89.1.0/24, … 10.255.255.0/24 that overlaps none of `taken`.
// Errors: in_use when there is none.
Result<IpPrefix> free_ipv4_subnet(const std::vector<IpPrefix>& taken);
// A unique local one with a random global id, which overlaps none of `taken`.
IpPrefix free_ipv6_subnet(const std::vector<IpPrefix>& taken);

}  // namespace ctr::engine::network

// The `names` file of a network: who is there under which names and addresses. The members write it, their resolvers
// read it.
//
//   @internal                                     the network has no way out
//   @subnet 10.89.0.0/24                          each subnet
//   @dns 192.0.2.53                               servers for other names, in place of the host's
//   10.89.0.5 fd5c::5 web www 0123456789ab        IPv4, IPv6 ("-" for none), name, aliases, short id
//   10.89.0.6 - db 123456789abc dns=192.0.2.1     servers of this member alone
//
// The files are the user's own, but what stands in them are names of containers: a line that cannot be read is left
// out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/network/netlink.h"

namespace ctr::engine::network {

struct Subnet {
  IpAddress address;
  uint8_t prefix_bits = 0;
  bool contains(const IpAddress& other) const;
  bool operator==(const Subnet&) const = default;
};
// "10.89.0.0/24". Errors: invalid.
Result<Subnet> parse_subnet(std::string_view text);

struct Member {
  std::vector<IpAddress> addresses;  // at most one of each family
  std::string name;
  std::vector<std::string> aliases;
  std::string id;                    // the short id, also a name
  std::vector<std::string> servers;  // addresses; empty: the network's
  bool is_named(std::string_view lower_name) const;
  bool operator==(const Member&) const = default;
};

struct NetworkNames {
  bool internal = false;
  std::vector<Subnet> subnets;
  std::vector<std::string> servers;
  std::vector<Member> members;
  bool operator==(const NetworkNames&) const = default;
};
NetworkNames parse_names(std::string_view text);
std::string names_text(const NetworkNames& names);
// One line, with its end.
std::string member_line(const Member& member);

}  // namespace ctr::engine::network

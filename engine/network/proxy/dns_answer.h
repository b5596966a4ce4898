// What the resolver of a container network says to a question, decided from the names of the networks alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/network/definition.h"
#include "engine/network/members.h"
#include "engine/network/proxy/dns_message.h"

namespace ctr::engine::network::dns {

// What is known of a network: its definition, and who is there.
struct KnownNetwork {
  bool internal = false;
  std::vector<IpPrefix> subnets;
  std::vector<std::string> servers;  // for other names, in place of the host's
  std::vector<MemberNames> members;
};
KnownNetwork known_network(const NetworkDefinition& definition, std::vector<MemberNames> members);
// By their names.
using KnownNetworks = std::map<std::string, KnownNetwork>;

struct Asker {
  std::string network;  // where the question came from
  IpAddress address;
};

struct Verdict {
  enum class Kind { answer, forward, host_address };
  Kind kind = Kind::answer;
  Answer answer;
  // Of forward, in this order; empty: the host's.
  std::vector<std::string> servers;
};

// A member sees the names of all networks that it is in; who is no member sees those of the network it asks on. Several
// addresses are turned so that number `turn` is the first. Names that nobody has go to servers outside, unless all of
// the asker's networks are internal. `host_address` is the verdict for host.containers.internal.
Verdict decide(const Question& question, const Asker& asker, const KnownNetworks& networks, size_t turn);

// podman's k_names_domain.
inline constexpr std::string_view k_podman_domain = "dns.podman";

}  // namespace ctr::engine::network::dns

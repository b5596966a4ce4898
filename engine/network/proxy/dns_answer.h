// What the resolver of a container network says to a question, decided from the names of the networks alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/network/names_file.h"
#include "engine/network/proxy/dns_message.h"

namespace ctr::engine::network::dns {

// By the networks' names.
using NamesOfNetworks = std::map<std::string, NetworkNames>;

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
Verdict decide(const Question& question, const Asker& asker, const NamesOfNetworks& networks, size_t turn);

// "name.ctr.internal" and podman's "name.dns.podman" are as "name", and nobody else's.
inline constexpr std::string_view k_own_domain = "ctr.internal";
inline constexpr std::string_view k_podman_domain = "dns.podman";

}  // namespace ctr::engine::network::dns

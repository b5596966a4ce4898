// How netproxy divides the descriptors that it may have: where they are few, clients wait for one another, instead of
// being sent away.
#pragma once

#include <algorithm>
#include <cstddef>

namespace ctr::engine::network {

struct DescriptorShares {
  size_t connections = 65536;  // of TCP: two for each, two for a pipe, one for a port
  size_t clients = 4096;       // of UDP: one for each
};

// `open` of `limit` are in use already. What is left for others, who take some as they go on, are questions about names
// over TCP and the monitor's messages.
inline DescriptorShares share_descriptors(size_t limit, size_t open) {
  constexpr size_t k_others = 48;
  constexpr size_t k_least = 8;
  const size_t room = limit - std::min(limit, open + k_others);
  DescriptorShares shares;
  shares.clients = std::clamp(room / 4, k_least, shares.clients);
  shares.connections = std::clamp(room - std::min(room, shares.clients), k_least, shares.connections);
  return shares;
}

}  // namespace ctr::engine::network

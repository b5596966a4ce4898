// Who has a port of the host, for messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/network/host_sockets.h"

namespace ctr::engine::network {

struct SocketOwner {
  uint64_t inode = 0;
  uint32_t uid = 0;
  bool operator==(const SocketOwner&) const = default;
};
// The socket that keeps `port` from being bound, in a table of the kernel's: /proc/net/tcp and the like; pure.
std::optional<SocketOwner> find_socket(std::string_view table, const PublishedPort& port);

// "container 'web'", "pod 'web'", "pid 4711 nginx", "a process of user 0"; empty: nobody is seen.
std::string find_port_holder(const PublishedPort& port, const PortHolders& holders);

}  // namespace ctr::engine::network

// Network devices of the host that a container gets. Source: OCI runtime-spec config-linux.md "Network Devices".
#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace ctr::runtime {

// Moves each device (name on the host → name in the container, empty: the same, "eth%d": the next free one) into the
// network namespace behind `netns_fd`, in which `netlink_fd` was opened, and sets it up. Its permanent global addresses
// go along. All names are looked at before any device is moved.
// Errors: not_found, already_exists, permission.
Result<void> move_net_devices(const std::map<std::string, std::string>& devices, int netlink_fd, int netns_fd);

}  // namespace ctr::runtime

// Options of an OCI mount as what the mount system calls take.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace ctr::runtime {

struct MountOptions {
  bool bind = false;
  bool recursive = false;  // of bind mounts: the mounts below come along
  bool remount = false;    // changes the mount that is there
  bool copy_up = false;    // tmpcopyup
  uint64_t set = 0;        // MOUNT_ATTR_*
  uint64_t clear = 0;
  uint64_t set_recursive = 0;  // rro, rnosuid, …
  uint64_t clear_recursive = 0;
  uint64_t propagation = 0;  // MS_PRIVATE, …; 0: not said
  bool propagation_recursive = false;
  std::vector<std::string> data;  // for the file system: "size=64k", "newinstance"
  bool operator==(const MountOptions&) const = default;
};

// Later options win over earlier ones. What is no known option is data for the file system, as the specification says.
// Errors: unsupported for idmap and ridmap.
// Source: OCI runtime-spec config.md "Linux mount options"; mount_setattr(2).
Result<MountOptions> parse_mount_options(const std::vector<std::string>& options);

}  // namespace ctr::runtime

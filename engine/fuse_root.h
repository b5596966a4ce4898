// Roots of containers that fuse-overlayfs serves, for who mounts them by hand.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/core.h"
#include "runtime/idmap.h"
#include "runtime/rootfs_plan.h"

namespace ctr::engine {

// Mounts the root of a container that does not run at `target`, in this process's mount namespace. The server ends with
// the mount, also when that goes with its namespace. `ids`: the container's, to the host. Errors: io with what
// fuse-overlayfs said.
Result<void> mount_fuse_root(Core& core, const runtime::RootfsPlan& root, const runtime::IdMap& ids,
                             const std::string& target);

}  // namespace ctr::engine

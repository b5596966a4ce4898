// The files of a container for a worker: those it sees now while it runs, else its layers and mounts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/result.h"
#include "engine/core.h"
#include "runtime/idmap.h"
#include "storage/containers.h"
#include "storage/tree_worker.h"

namespace ctr::engine {

struct ContainerTree {
  storage::TreePlace place;      // with root_fd unset: `root` is to be handed over
  Fd root;                       // of a running container
  Fd user;                       // its user namespace, where none but who is in it sees the root
  std::optional<FileLock> lock;  // of a stopped one: nobody starts it meanwhile
  std::optional<Child> holder;   // has its root mounted where `root` and `user` are
  runtime::IdMap ids;            // of the container's user namespace, to be the worker's
  uint32_t uid = 0;              // of the container's user, inside
  uint32_t gid = 0;
};
// Errors: unsupported for a stopped container with mounts whose root fuse-overlayfs serves; in_use when it is mounted.
Result<ContainerTree> open_container_tree(Core& core, const storage::ContainerEntry& entry);

// The container's root without what is mounted in it: its directory, or its layers, topmost first.
Result<storage::TreePlace> own_files_of(Core& core, const storage::ContainerEntry& entry);

}  // namespace ctr::engine

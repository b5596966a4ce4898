// Where the roots of containers are mounted for users, beside where the containers run: see `ctr mount`.
//
// A kernel overlay must not be mounted twice with one writable directory. Mounts live in the namespaces of
// `ctr unshare`, which no lock tells of; a file in the container's directory says that there has been one, and the
// mount tables of the user's processes say whether there is.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"
#include "engine/core.h"
#include "storage/containers.h"

namespace ctr::engine {

// The places of this process's mounts.
Result<std::vector<std::string>> mount_points();
Result<bool> is_mounted(const std::string& path);
// As the mount table names it.
Result<std::string> real_path(const std::string& path);

// Attaches a mount that is attached nowhere yet.
Result<void> attach_tree(const Fd& tree, const std::string& path);
// Where the root of a container is mounted.
Result<std::string> root_place(Core& core, const storage::ContainerId& id);
// To be called before the root is mounted there.
Result<void> note_mount(const Dir& container);
// Errors: in_use, naming a process that sees a mount of the root.
Result<void> check_no_mount_seen(Core& core, const storage::ContainerId& id, const Dir& container);
// The same, and that there will be none: the container does not run, and the caller holds its lock. A mount that this
// user's process may not look at, since it is in another `ctr unshare`, is taken away.
Result<void> check_not_mounted(Core& core, const storage::ContainerId& id, const Dir& container);

}  // namespace ctr::engine

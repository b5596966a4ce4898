// Which user namespace a container gets: its map, how its root is shown under it, and whose namespace it joins.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/lock.h"
#include "base/result.h"
#include "engine/core.h"
#include "engine/spec.h"
#include "engine/user.h"
#include "runtime/idmap.h"
#include "runtime/monitor_plan.h"
#include "runtime/rootfs_plan.h"

namespace ctr::engine {

// Held from the choice of ids until the container is there for all to see, so that no two get the same; nothing for
// containers whose ids nobody counts.
Result<std::optional<FileLock>> hold_ids(Core& core, const ContainerSpec& spec);

// Makes --userns container:NAME an id, and a container that this one needs; looks at the namespace of --userns ns:PATH.
// Errors: not_found, invalid for what is no user namespace, permission for that of another user.
Result<void> resolve_userns(Core& core, ContainerSpec& spec);

// The map of the container's user namespace, to the host. `rootfs` comes out so that it shows the image's files to the
// container under their own ids. Errors: invalid, not_found, no_space when --userns auto finds too few free ids,
// unsupported.
Result<runtime::IdMap> choose_ids(Core& core, const ContainerSpec& spec, const ResolvedUser& user,
                                  runtime::RootfsPlan& rootfs);

// The map of a container's user namespace, to the host, from its directory.
Result<runtime::IdMap> read_ids(const Dir& dir);
// The map of a container that has asked for one, as options write it. Errors: not_found.
Result<runtime::IdMap> asked_ids(Core& core, const Dir& dir, const UsernsChoice& choice);

// The user namespace of another container or of a path, while paths lead to it.
struct JoinedUserns {
  Fd inner;
  Fd outer;  // the one around it, where a root by fuse-overlayfs is served
};
// With --userns container: or ns: has `plan` join that namespace, as long as what is returned lives. Errors: bad_state
// when the other container does not run.
Result<JoinedUserns> join_userns(Core& core, const ContainerSpec& spec, runtime::LaunchPlan& plan);

}  // namespace ctr::engine

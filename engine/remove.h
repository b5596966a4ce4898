// Taking containers away.
#pragma once

#include "base/file.h"
#include "base/result.h"
#include "engine/core.h"
#include "engine/record.h"
#include "storage/containers.h"

namespace ctr::engine {

// Errors: bad_state when it runs and `force` is not set, in podman's words. A container that goes away meanwhile is
// fine.
Result<void> remove_container(Core& core, const storage::ContainerEntry& entry, const RemoveOptions& options);

// What a container with --rm does at its end, in its monitor. Nothing runs any more.
Result<void> remove_ended(Core& core, const storage::ContainerId& id);

// Gives back the space of what was removed: what this user owns right here, the files of subordinate ids in a detached
// process of its own.
void reclaim_space(Core& core);
// The main function of that process: deletes what `trash` has, what it may not itself inside of the user namespace with
// the full id map.
int run_reclaim_process(Core& core, const Dir& trash);

}  // namespace ctr::engine

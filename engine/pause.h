// Stopping the processes of a container where they are, and letting them go on.
#pragma once

#include "base/result.h"
#include "engine/core.h"
#include "storage/containers.h"

namespace ctr::engine {

// Both hold the container's lock meanwhile, so that nobody starts or removes it. The kernel keeps what is said here:
// nothing is recorded. Errors: as ContainerVerbs::pause() and unpause().
Result<void> pause_container(Core& core, const storage::ContainerId& id);
Result<void> unpause_container(Core& core, const storage::ContainerId& id);

}  // namespace ctr::engine

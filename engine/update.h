// Other limits, policies, checks and variables for a container, whether it runs or not.
#pragma once

#include "base/result.h"
#include "engine/container_changes.h"
#include "engine/core.h"
#include "storage/containers.h"

namespace ctr::engine {

// Holds the container's lock meanwhile. What runs is changed first: what the kernel refuses is not recorded.
// Errors: as ContainerVerbs::update().
Result<void> update_container(Core& core, const storage::ContainerId& id, ContainerChanges changes);

}  // namespace ctr::engine

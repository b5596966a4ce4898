// A new container like one that is there.
#pragma once

#include "base/result.h"
#include "engine/core.h"
#include "engine/record.h"
#include "storage/containers.h"

namespace ctr::engine {

// What a container with this record is to be created from once more: the same image, whatever its name means by now,
// the same volumes, those without a name included, and none of its files of numbers and ids. Without a name. Pure.
ContainerSpec spec_of_clone(const ContainerRecord& record);

// The same for a container of the store, with podman's name for the clone: NAME-clone, NAME-clone1, ….
Result<ContainerSpec> clone_spec(Core& core, const storage::ContainerId& id);

}  // namespace ctr::engine

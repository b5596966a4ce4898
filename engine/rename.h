// Another name for a container.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/core.h"
#include "storage/containers.h"

namespace ctr::engine {

// Holds the container's lock meanwhile, so that nobody starts or removes it under its former name. The link of the name
// is moved in one step and is what counts; the record follows. Errors: as ContainerVerbs::rename().
Result<void> rename_container(Core& core, const storage::ContainerId& id, const std::string& new_name);

}  // namespace ctr::engine

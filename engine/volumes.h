// Volumes of a container that is being created.
#pragma once

#include "base/result.h"
#include "engine/core.h"
#include "engine/prepare.h"

namespace ctr::engine {

// Makes the volumes that are missing. A fresh one takes over what the image has at its place, owners included, unless
// the user said nocopy.
Result<void> make_volumes(Core& core, const PreparedContainer& prepared);

// Removes the anonymous volumes of a container; named ones stay.
void remove_anonymous_volumes(Core& core, const ContainerRecord& record);

}  // namespace ctr::engine

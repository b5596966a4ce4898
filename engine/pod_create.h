// Making pods, and taking them away.
#pragma once

#include "base/result.h"
#include "engine/core.h"
#include "engine/pods.h"
#include "storage/containers.h"

namespace ctr::engine {

// PodVerbs::create() and remove().
Result<PodInfo> create_pod(Core& core, PodSpec spec, const PodCreateOptions& options);
Result<void> remove_pod(Core& core, const storage::ContainerEntry& entry, const PodRemoveOptions& options);

}  // namespace ctr::engine

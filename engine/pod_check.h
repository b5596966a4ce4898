// What is asked of a pod, looked at before there is one: otherwise each of its members would fail over it.
#pragma once

#include "base/result.h"
#include "engine/core.h"
#include "engine/pod_record.h"

namespace ctr::engine {

// Errors: unsupported for what a pod cannot have; invalid for what contradicts itself.
Result<void> check_pod(const PodSpec& spec);
// Values of the settings that all members have, and whether there is what they name on this host. `record` has its ids.
// Errors: invalid, not_found.
Result<void> check_shared(Core& core, const PodRecord& record);

}  // namespace ctr::engine

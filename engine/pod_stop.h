// Starting and stopping the members of a pod.
#pragma once

#include "base/result.h"
#include "engine/core.h"
#include "engine/pods.h"
#include "storage/containers.h"

namespace ctr::engine {

Result<storage::ContainerEntry> member_entry(const PodMember& member);

// All of them, those that others require last. Those of one turn are asked at once and waited for together.
Result<MemberErrors> stop_members(Core& core, const std::vector<PodMember>& members, const StopOptions& options);
// Those that do not run, in order; init containers run to their end first, and a failure of one ends the start.
Result<MemberErrors> start_members(Core& core, const std::vector<PodMember>& members);

// PodVerbs::start() and stop().
Result<MemberErrors> start_pod(Core& core, const storage::ContainerEntry& entry);
Result<MemberErrors> stop_pod(Core& core, const storage::ContainerEntry& entry, const StopOptions& options);

}  // namespace ctr::engine

// Whether a pod's monitor runs, and what it takes to have it run.
#pragma once

#include "base/result.h"
#include "engine/core.h"
#include "engine/pod_record.h"
#include "storage/containers.h"

namespace ctr::engine {

// The pod has a monitor, and it does not run.
Result<bool> needs_monitor(Core& core, const storage::ContainerId& pod);
// Starts the monitor unless it runs. The caller holds the pod's lock alone.
Result<void> bring_up(Core& core, const storage::ContainerId& pod);
// Ends it and waits. The caller holds the pod's lock alone.
Result<void> bring_down(Core& core, const storage::ContainerId& pod);
// The names of all members in the pod's /etc/hosts, which those that run see at once.
Result<void> add_member_names(Core& core, const storage::ContainerId& pod);
// After the end of a member: a pod whose exit policy says so goes down with the last one.
void end_idle_pod(Core& core, const std::string& pod);

}  // namespace ctr::engine

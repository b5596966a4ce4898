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
// Where the file systems in memory of a pod are, and its directories made. Errors: those of the pod's directory.
Result<std::string> pod_memory_dir(Core& core, const std::string& pod);
Result<void> make_memory_dirs(const Dir& pod_dir, const PodSpec& spec);
// After the end of a member: a pod whose exit policy says so goes down with the last one.
void end_idle_pod(Core& core, const std::string& pod);

}  // namespace ctr::engine

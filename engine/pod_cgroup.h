// The cgroup of a pod with limits of its own: those of its members are below it.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/core.h"
#include "engine/pods.h"
#include "runtime/cgroup_plan.h"

namespace ctr::engine {

// Where members are made: a slice of systemd, or a directory below the v2 mount point; empty without limits.
// Errors: unsupported for a limit that this host cannot set, or a manager that a slice does not know; invalid.
Result<std::string> choose_pod_cgroup(Core& core, const std::string& pod_id, PodSpec& spec);
// The scope of a pod's monitor, so that it outlives the unit in which somebody starts the pod; Kind::none where no
// systemd makes cgroups, and for a pod whose monitor somebody watches: who asks for its pid file wants it in his own
// unit.
Result<runtime::CgroupPlan> plan_monitor_scope(Core& core, const std::string& pod_id, const PodSpec& spec);
// Sets the limits, before members start.
Result<void> make_pod_cgroup(Core& core, const std::string& cgroup, const ResourceSpec& limits);
// Once nothing runs in it. A slice is systemd's to forget.
Result<void> remove_pod_cgroup(Core& core, const std::string& cgroup);

}  // namespace ctr::engine

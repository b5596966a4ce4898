// Which limits this host can set, told before anything is made. Pure.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "base/result.h"
#include "runtime/cgroup_plan.h"
#include "runtime/spec_resources.h"

namespace ctr::runtime {

// Refuses limits that a container with that plan cannot have. Errors: unsupported, naming the first limit and what is
// missing, with the fix as hint; invalid as cgroup_settings().
Result<void> check_limits(const SpecResources& resources, const CgroupPlan& plan, const HostFacts& host);

// "cpu cannot be limited: the cgroup controller 'cpuset' is not delegated to this user", with the drop-in that does.
Error missing_controller(std::string_view subject, std::string_view controller, uid_t uid);

}  // namespace ctr::runtime

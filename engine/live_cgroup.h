// The cgroup of a container that runs: what pause, update and stats work on.
#pragma once

#include <string_view>

#include "base/result.h"
#include "engine/core.h"
#include "runtime/cgroup.h"
#include "runtime/state.h"

namespace ctr::engine {

// Errors: unsupported, naming `act` ("pause") and what keeps this user's containers from having a cgroup; not_found
// when the container has ended meanwhile.
Result<runtime::Cgroup> open_live_cgroup(Core& core, const runtime::StateRecord& state, std::string_view act);
// What a monitor that was killed has left: its record still names the cgroup of a container that has ended. Ends what
// runs in there. Errors: as Cgroup::kill() and Cgroup::remove().
Result<void> remove_left_cgroup(const runtime::StateRecord& state);
// Whether the container has been paused; one without a cgroup of its own cannot be. `state` is that of one that runs.
bool is_paused(const runtime::StateRecord& state);

// Whether this host gives containers of this user cgroups at all. Errors: as open_live_cgroup().
Result<void> check_cgroups(Core& core, std::string_view act);

// What is missing on a host of that kind when a container has no cgroup of its own, and the way to it. Pure.
Error no_cgroup(runtime::CgroupMode mode, std::string_view act);

}  // namespace ctr::engine

// What can be done to a container by its cgroup: stop and go on, change limits, look at processes and numbers.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/cgroup_stats.h"
#include "runtime/container/state_root.h"
#include "runtime/container/status.h"
#include "runtime/host_facts.h"
#include "runtime/spec_resources.h"

namespace ctr::runtime {

// A container that has not ended, with its cgroup.
struct LiveContainer {
  ContainerRecord record;
  ContainerView view;
  Cgroup cgroup;
};
// Errors: not_found; bad_state when it has ended; unsupported without a cgroup of its own, naming `act` ("pause").
Result<LiveContainer> open_live(const StateRoot& root, const std::string& id, std::string_view act);

// Returns when every process has stopped. Errors: as open_live(); bad_state unless created or running; timed_out.
Result<void> pause_container(const StateRoot& root, const std::string& id);
// Errors: as open_live(); bad_state when it is not paused; timed_out.
Result<void> resume_container(const StateRoot& root, const std::string& id);
// Changes the limits that `resources` has and no other; systemd is told of those of a scope. Errors: as open_live(),
// Cgroup::update(), set_scope_limits().
Result<void> update_container(const StateRoot& root, const std::string& id, const SpecResources& resources,
                              const HostFacts& host);

// Changes the shares of the container's group of resctrl to those that `rdt` has. Errors: not_found; bad_state when it
// has ended; unsupported for a container without one; invalid, with what the kernel says.
Result<void> update_container_rdt(const StateRoot& root, const std::string& id, const SpecIntelRdt& rdt);

}  // namespace ctr::runtime

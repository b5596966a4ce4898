// Restart policies: who is started again when its program has ended, when, and what stops that.
//
// The monitor of a container decides at the end of the program and says so in state.json, before it gives the lock
// `alive` back. Then the same process waits, starts the container with a monitor of its own, and ends. Meanwhile the
// container has ended for everybody: whoever starts, stops or removes it changes what the waiting process finds under
// the container's lock, and it gives up.
#pragma once

#include <chrono>

#include "base/result.h"
#include "engine/core.h"
#include "engine/launch_record.h"
#include "engine/spec.h"
#include "runtime/cgroup_plan.h"
#include "runtime/monitor_plan.h"
#include "runtime/state.h"
#include "storage/containers.h"

namespace ctr::engine {

// `state` has the end of a program that no user has stopped.
bool wants_restart(const RestartSpec& restart, const runtime::StateRecord& state);

// From a tenth of a second, doubled with each start that did not hold, to a minute.
std::chrono::milliseconds restart_delay(std::chrono::milliseconds previous, std::chrono::nanoseconds ran);

// One start by the policy.
struct RestartOrder {
  int count = 0;                       // see StateRecord
  std::chrono::milliseconds delay{0};  // before it
  TimePoint after;                     // the end of the run that it follows
  runtime::CgroupPlan cgroup;          // where that run was
};
RestartOrder next_restart(const runtime::LaunchPlan& plan, const MonitorOrders& orders,
                          const runtime::StateRecord& state);
// Whether nobody has started or stopped the container since.
bool is_due(const RestartOrder& order, const runtime::StateRecord& state);

// In the monitor's process: waits, and starts the container unless somebody else has seen to it. A start that fails is
// tried again. SIGTERM ends the wait: whoever shuts the session down wants no new programs.
void restart_later(Core& core, const storage::ContainerId& id, RestartOrder order);

// A process waits to start the container again.
bool is_restart_pending(const runtime::StateRecord& state);
// Gives up a start that is pending; a container with --rm goes away. False when the container runs again already.
Result<bool> cancel_restart(Core& core, const storage::ContainerId& id);

}  // namespace ctr::engine

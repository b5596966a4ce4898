// Starting, stopping and waiting for containers.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/container_info.h"
#include "engine/core.h"
#include "engine/create.h"
#include "engine/restart.h"
#include "runtime/attach.h"
#include "runtime/monitor.h"

namespace ctr::engine {

// Starts the monitor of a container and waits until the program runs.
//
// `created` is what this process created a moment ago; nullptr: everything is read from the container's directory.
// A container that runs already is left alone: the result has no monitor.
// Errors: as runtime::launch(); what had to be removed (--rm) is.
struct StartInput {
  storage::ContainerEntry entry;
  CreatedContainer* created = nullptr;    // its sockets are taken
  const AttachOptions* attach = nullptr;  // joined from the first byte on
  const RestartOrder* restart = nullptr;  // by the policy; the result has no monitor when it is not due any more
  bool initialize = false;                // the program waits for another start
};
Result<std::optional<runtime::StartedMonitor>> start_container(Core& core, const StartInput& input);

// Errors: bad_state when it runs or waits for its start already, or when something that it requires does not run.
Result<void> initialize_container(Core& core, const storage::ContainerEntry& entry);

// Start, attach and the end of both as one.
Result<AttachEnd> run_attached(Core& core, const StartInput& input, const std::function<void()>& on_started);
Result<AttachEnd> attach_container(Core& core, const storage::ContainerEntry& entry, const AttachOptions& attach);

// Asks the program to end, waits, and kills it when it does not. Nothing to do when it does not run.
// Errors: bad_state when it is paused, since it would not hear of it.
Result<void> stop_container(Core& core, const storage::ContainerEntry& entry, const StopOptions& options);
// The first half of stop_container() for several at once: the program is asked to end, and has until the returned time
// to do so. nullopt when it does not run, or would not hear of it.
Result<std::optional<std::chrono::steady_clock::time_point>> ask_to_stop(Core& core,
                                                                         const storage::ContainerEntry& entry,
                                                                         const StopOptions& options);
// Kills the program of a container that was paused or initialized a moment ago, and waits.
Result<void> end_idle_container(Core& core, const storage::ContainerEntry& entry, ContainerState state);
// Errors: as stop_container() and start_container().
Result<void> restart_container(Core& core, const storage::ContainerEntry& entry, const StopOptions& options);
Result<void> kill_container(Core& core, const storage::ContainerEntry& entry, int signal);
// Waits until nobody runs the container any more.
Result<void> wait_until_ended(Core& core, const storage::ContainerId& id,
                              std::optional<std::chrono::milliseconds> timeout = {});
// Sleeps, unless the user asks to stop. Errors: interrupted.
Result<void> pause_for(const CancelToken& cancel, std::chrono::milliseconds duration);
// Waits until one of `conditions` holds, looking every `interval`: the exit code for stopped and exited, else -1.
// Errors: invalid for a condition that is none, or for one of health without a check; bad_state when the container has
// ended without the health that was waited for; not_found when it goes away.
Result<int> wait_container(Core& core, const storage::ContainerEntry& entry, const std::vector<std::string>& conditions,
                           std::chrono::milliseconds interval);

// The same for several, until it holds for one of them.
Result<int> wait_for_first(Core& core, const std::vector<storage::ContainerEntry>& entries,
                           const std::vector<std::string>& conditions, std::chrono::milliseconds interval);

// AttachOptions in the runtime's words. Errors: invalid detach keys.
Result<runtime::JoinOptions> join_options(Core& core, const AttachOptions& attach);

}  // namespace ctr::engine

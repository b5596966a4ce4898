// Signals to a container, and its end.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/container/state_root.h"

namespace ctr::runtime {

// Sends `number` to the first process. Errors: not_found; bad_state when it has ended.
Result<void> signal_container(const StateRoot& root, const std::string& id, int number);
// Sends `number` to every process of the container, also when the first one has ended; SIGKILL reaches all at once. A
// container without a cgroup has its first process only. Errors: not_found.
Result<void> signal_all(const StateRoot& root, const std::string& id, int number);

enum class Force { no, yes };
// Removes what create_container() made; what waits to be started, and with Force::yes also what runs, is killed first.
// Then poststop hooks are run; `warnings` takes a sentence for each that failed.
// Errors: not_found; bad_state when it runs.
Result<void> delete_container(const StateRoot& root, const std::string& id, Force force,
                              std::vector<std::string>* warnings);

// What delete_container() does behind the check.
Result<void> discard_container(const StateRoot& root, LockedContainer container, std::vector<std::string>* warnings);

}  // namespace ctr::runtime

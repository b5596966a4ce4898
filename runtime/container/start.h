// Starts a container that waits for it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/container/state_root.h"

namespace ctr::runtime {

// Returns once the container's program runs or, when the caller has a `notify_socket` (its NOTIFY_SOCKET, else empty)
// and the container was created with one, once it has told that it is ready.
// With startContainer hooks a container that cannot be started is destroyed, and so is one whose poststart hook fails.
// `warnings` takes what went wrong with its poststop hooks, or with telling the caller.
// Errors: not_found, bad_state (not in status created), and as launch() for the steps that are left.
Result<void> start_container(const StateRoot& root, const std::string& id, const std::string& notify_socket,
                             std::vector<std::string>* warnings);

}  // namespace ctr::runtime

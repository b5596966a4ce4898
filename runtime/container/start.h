// Starts a container that waits for it.
#pragma once

#include <string>

#include "base/result.h"
#include "runtime/container/state_root.h"

namespace ctr::runtime {

// Returns once the container's program runs.
// Errors: not_found, bad_state (not in status created), and as launch() for the steps that are left.
Result<void> start_container(const StateRoot& root, const std::string& id);

}  // namespace ctr::runtime

// What netproxy gives up before it sees a byte of the container's.
#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"

namespace ctr::engine::network {

// Joins the network namespace behind `netns` and the user namespace it belongs to.
Result<void> join_network(const Fd& netns);

// Keeps CAP_NET_ADMIN alone, dies with `parent`, and loads the filter. Errors: any step that fails.
Result<void> confine_proxy(pid_t parent);

// The filter as linux.seccomp has it: what the loop and its parts call once they have been prepared.
Json proxy_filter();

}  // namespace ctr::engine::network

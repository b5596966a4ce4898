// What netproxy gives up before it sees a byte of the container's.
#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"

namespace ctr::engine::network {

// Joins the network namespace behind `netns` and the user namespace it belongs to.
Result<void> join_network(const Fd& netns);

// Which files are opened from then on: none, or those of the networks' names, which have to be all that is in sight.
enum class ProxyFiles { none, names };

// Keeps CAP_NET_ADMIN alone, dies with `parent`, and loads the filter. Errors: any step that fails.
Result<void> confine_proxy(pid_t parent, ProxyFiles files);

// The filter as linux.seccomp has it: what the loop and its parts call once they have been prepared.
Json proxy_filter(ProxyFiles files);

}  // namespace ctr::engine::network

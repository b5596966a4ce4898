// Measuring what a container uses.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "engine/container_use.h"
#include "engine/core.h"
#include "storage/containers.h"

namespace ctr::engine {

// Errors: as ContainerVerbs::use().
Result<ContainerUse> measure_use(Core& core, const storage::ContainerId& id);

// Received and sent bytes of all interfaces but the loopback, from /proc/PID/net/dev. Lines of another form are left
// out. Pure. Source: proc(5).
struct NetworkUse {
  uint64_t received_bytes = 0;
  uint64_t sent_bytes = 0;
};
NetworkUse parse_network_use(std::string_view text);

}  // namespace ctr::engine

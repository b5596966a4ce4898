// What containers have written.
#pragma once

#include <functional>
#include <vector>

#include "base/result.h"
#include "engine/container_verbs.h"
#include "engine/core.h"

namespace ctr::engine {

// ContainerVerbs::logs().
Result<void> read_container_logs(Core& core, const std::vector<ContainerId>& ids, const LogOptions& options,
                                 const LogSink& sink);

}  // namespace ctr::engine

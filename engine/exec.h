// `exec`: one more program in a running container, with the same treatment as the first.
#pragma once

#include <array>

#include "base/result.h"
#include "engine/core.h"
#include "runtime/launch.h"
#include "storage/containers.h"

namespace ctr::engine {

// Starts the program, without an event; `stdio` as of runtime::ExecRequest. Errors: as exec_in_container.
Result<runtime::Launched> launch_in_container(Core& core, const storage::ContainerEntry& entry,
                                              const ExecOptions& options, const std::array<int, 3>& stdio);

// The program is a child of this process and ends with it, unless it is detached.
// Errors: bad_state when the container does not run; as runtime::launch_exec().
Result<AttachEnd> exec_in_container(Core& core, const storage::ContainerEntry& entry, const ExecOptions& options,
                                    const AttachOptions& attach);

}  // namespace ctr::engine

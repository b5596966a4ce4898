// `exec`: one more program in a running container, with the same treatment as the first.
#pragma once

#include <array>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "engine/core.h"
#include "runtime/launch.h"
#include "storage/containers.h"

namespace ctr::engine {

// Starts the program, without an event; `stdio` as of runtime::ExecRequest. Errors: as exec_in_container.
Result<runtime::Launched> launch_in_container(Core& core, const storage::ContainerEntry& entry,
                                              const ExecOptions& options, const std::array<int, 3>& stdio);

// The program is a child of this process, which waits for it. `on_started` is called when it runs.
// Errors: bad_state when the container does not run; as runtime::launch_exec().
Result<AttachEnd> exec_in_container(Core& core, const storage::ContainerEntry& entry, const ExecOptions& options,
                                    const AttachOptions& attach, const std::function<void()>& on_started = {});

// The same in a process of its own, which stays until the program has ended: returns when it runs.
//
//   ctr exec -d                        ctr internal-exec               program
//     options as JSON, socket ────────▶  exec_in_container() ─────────▶  runs
//     ◀── nothing, or the error ───────
//     ends                               waits, records exec_died
Result<void> exec_detached(Core& core, const storage::ContainerEntry& entry, const ExecOptions& options);

inline constexpr std::string_view k_exec_verb = "internal-exec";
// That process; `first` is the number of the first of its descriptors.
int run_exec_worker(Core& core, std::string_view first);

}  // namespace ctr::engine

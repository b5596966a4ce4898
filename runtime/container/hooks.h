// Hooks in the namespaces of the runtime: prestart, createRuntime, poststart and poststop. Those inside the container,
// createContainer and startContainer, are steps of its first process.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/container/hook_output.h"
#include "runtime/container/status.h"
#include "runtime/hook_state.h"
#include "runtime/spec.h"

namespace ctr::runtime {

// What all hooks of one kind have in common.
struct HookCall {
  std::string_view kind;      // for messages: "prestart"
  const std::string& bundle;  // their working directory
  std::string state;          // their input
  const HookOutput& output;   // what has no file here becomes part of the error
};
// Runs the hooks in order until one fails.
// Errors: of the first hook that fails: "error running prestart hook #1: exit status 1".
Result<void> run_hooks(const std::vector<SpecHook>& hooks, const HookCall& call);
// Runs all of them; one sentence for each that failed.
std::vector<std::string> run_all_hooks(const std::vector<SpecHook>& hooks, const HookCall& call);

// What a hook reads: the state of the specification.
std::string hook_state(const ContainerRecord& record, ContainerStatus status);
// The same for hooks inside the container, around the pid that only these know; without a directory.
HookState split_hook_state(const ContainerRecord& record, ContainerStatus status);

}  // namespace ctr::runtime

// RuntimeSpec to ChildProgram: what the child will do, decided before there is a child. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/hook_state.h"
#include "runtime/host_facts.h"
#include "runtime/launch_facts.h"
#include "runtime/process_habits.h"
#include "runtime/program.h"
#include "runtime/rootfs_plan.h"
#include "runtime/seccomp.h"
#include "runtime/secret_files.h"
#include "runtime/spec.h"

namespace ctr::runtime {

struct CompileOptions {
  const SeccompProgram* seccomp = nullptr;
  size_t extra_fds = 0;
  uint64_t absent_extra_fds = 0;  // bit i: the number 3 + i stays free
  bool with_launcher = false;     // the program dies with its launcher
  bool make_cwd = false;          // a missing working directory is made
  std::vector<SecretFile> secrets = {};
  std::string init_program;  // host path of the init to run args under (--init); empty: none
  // Everything is done before the second go, and the lock in k_register_waiting is held until the program runs; with
  // by_socket the program then waits to be started by a connection to k_register_start.
  enum class Start { at_go, ready_last, by_socket } start = Start::at_go;
  // The root is moved to "/" instead of pivoted to, and these mounts of the host are put out of sight before.
  bool no_pivot = false;
  std::vector<std::string> kernel_mounts = {};
  std::string bundle = {};  // absolute; where relative sources begin, if there may be any
  ProcessHabits habits = {};
  LaunchFacts facts = {};
  HookState hook_state = {};
  // Whether k_register_hook_output has files for what hooks inside the container print.
  bool hook_stdout = false;
  bool hook_stderr = false;
  // Nobody outside does anything to the process before it mounts: unless the process needs it, it does not wait for
  // that, and hands out no network namespace.
  bool unattended = false;
  // An exec finds the container's namespaces in ChildProgram::namespace_registers, not by its first process.
  bool by_namespaces = false;
};

// Errors: invalid for what contradicts the specification, unsupported for what ctr or this host cannot do.
Result<ChildProgram> compile_run(const RuntimeSpec& spec, const RootfsPlan& rootfs, const HostFacts& host,
                                 const CompileOptions& options);
// A process that makes the namespaces of `spec`, mounts the root and stays: what a runtime of others is called in.
Result<ChildProgram> compile_hold(const RuntimeSpec& spec, const RootfsPlan& rootfs, const HostFacts& host);
// `spec` with its program below the init of the host path `program`.
RuntimeSpec with_init(RuntimeSpec spec, const std::string& program);
// One more process in a running container, whose first process is in register k_register_init.
Result<ChildProgram> compile_exec(const RuntimeSpec& spec, const SpecProcess& process, const HostFacts& host,
                                  const CompileOptions& options);

}  // namespace ctr::runtime

// RuntimeSpec to ChildProgram: what the child will do, decided before there is a child. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/host_facts.h"
#include "runtime/program.h"
#include "runtime/rootfs_plan.h"
#include "runtime/seccomp.h"
#include "runtime/secret_files.h"
#include "runtime/spec.h"

namespace ctr::runtime {

struct CompileOptions {
  const SeccompProgram* seccomp = nullptr;
  size_t extra_fds = 0;
  bool with_launcher = false;  // the program dies with its launcher
  bool make_cwd = false;       // a missing working directory is made
  std::vector<SecretFile> secrets;
  std::string init_program;  // host path of the init to run args under (--init); empty: none
};

// Errors: invalid for what contradicts the specification, unsupported for what ctr or this host cannot do.
Result<ChildProgram> compile_run(const RuntimeSpec& spec, const RootfsPlan& rootfs, const HostFacts& host,
                                 const CompileOptions& options);
// One more process in a running container, whose first process is in register k_register_init.
Result<ChildProgram> compile_exec(const RuntimeSpec& spec, const SpecProcess& process, const HostFacts& host,
                                  const CompileOptions& options);

}  // namespace ctr::runtime

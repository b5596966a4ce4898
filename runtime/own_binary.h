// The file of this program, kept from containers that get hold of it through /proc/PID/exe: a process that joins a
// container, and whatever a container starts as "/proc/self/exe", is this file inside (CVE-2019-5736).
#pragma once

#include <string>

#include "base/result.h"
#include "runtime/host_facts.h"
#include "runtime/spec.h"

namespace ctr::runtime {

// First thing in main(): takes what run_protected() left for this process out of its environment.
void take_over_program();

// The absolute path of the program's own file, also while a copy of it runs.
Result<std::string> installed_program();

// True when root of the container could write to the file of this program.
Result<bool> may_overwrite(const RuntimeSpec& spec, const HostFacts& host);

// Replaces this process by the same program, with the same words, from a file that nobody can write to: through a
// read-only mount without a place where this user may make one, else a sealed copy in memory (1-2 ms for 5 MB). Returns
// when this process is such a one: runtime/entry.cc has done the same already where it could. To be called before
// signals are blocked. Errors: when that cannot be done; nothing may be started in a container then.
Result<void> run_protected();

}  // namespace ctr::runtime

// The file of this program, kept from containers that get hold of it through /proc/PID/exe (CVE-2019-5736): a process
// that joins a container, and whatever a container starts as "/proc/self/exe", is this file inside.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "runtime/host_facts.h"
#include "runtime/spec.h"

namespace ctr::runtime {

// True when root of the container could write to a file with this status.
bool may_overwrite(const struct stat& file, const RuntimeSpec& spec, const HostFacts& host);

// The program at `path` so that nobody can write to it: through a read-only mount of nobody's where this user may make
// one, else a sealed copy in memory (1-2 ms for 5 MB). To be executed through /proc/self/fd or execveat(2).
Result<Fd> open_protected_program(const std::string& path);

// Replaces this process by it. Returns the error only.
Error execute_protected(const Fd& program, char* const* argv, char* const* envp);

// True when the running program is such a file.
bool runs_protected();

}  // namespace ctr::runtime

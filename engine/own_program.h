// The file of this program, kept from containers: a process that joins one, and what a container starts as
// /proc/self/exe, is this file inside (CVE-2019-5736).
#pragma once

#include <string>

#include "base/result.h"

namespace ctr::engine {

// Takes over what a process before this one left for installed_program(). First thing in main().
void take_over_program();

// The absolute path of the program's own file, also while a copy of it runs.
Result<std::string> installed_program();

// Where a container could write to the file, replaces this process by the same program from a file that nobody can
// write to: a read-only mount without a place, or a sealed copy in memory (1-2 ms). Returns where there is nothing to
// do.
//
// To be called by what starts containers or joins them, before signals are blocked.
// Errors: when that cannot be done; the container must not be started then.
Result<void> protect_program(char* const* argv);

}  // namespace ctr::engine

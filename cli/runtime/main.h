// `ctr runtime`: containers by the command line of OCI runtimes, for programs that are used to crun and runc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ctr::cli::runtime {

// True when the program was called by a name that stands for `ctr runtime`: ctr-runtime, crun, runc.
bool is_runtime_name(std::string_view argv0);

// Runs a whole command line and returns the exit code. `program` is the name in help texts and messages, `words` what
// follows it. Call it before any descriptor is opened: numbers from 3 on may be the caller's for the container.
int run_runtime(const std::string& program, const std::vector<std::string>& words, char** environment_block);

}  // namespace ctr::cli::runtime

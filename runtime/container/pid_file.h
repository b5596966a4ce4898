// The file a caller asked to find the pid in.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace ctr::runtime {

// The number in decimal and nothing else, by rename: who reads it never sees half of it. A relative path is relative to
// the working directory.
Result<void> write_pid_file(const std::string& path, pid_t pid);
// Missing is fine.
Result<void> remove_pid_file(const std::string& path);

}  // namespace ctr::runtime

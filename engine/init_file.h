// What /proc has of a container's first process.
#pragma once

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"

namespace ctr::engine {

// The file `name` below /proc/PID of the first process of the container with directory `dir`, opened with `flags`: an
// invalid descriptor when it does not run. The number is looked at again once the file is open, so that it cannot be
// another process's.
Result<Fd> open_init_file(const Dir& dir, const char* name, int flags);

}  // namespace ctr::engine

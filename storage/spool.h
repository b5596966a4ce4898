// Files for what must not outlive the process that needs it.
#pragma once

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"

namespace ctr::storage {

// A file in `dir` for reading and writing that has no name and goes with its last descriptor. Errors: io, no_space.
Result<Fd> make_spool(const Dir& dir);

}  // namespace ctr::storage

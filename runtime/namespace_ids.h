// The ids of a user namespace that others have made.
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "runtime/idmap.h"

namespace ctr::runtime {

// Its maps, to ids of ours, as a process that joins it has them. Errors: permission when we may not join it.
Result<IdMap> read_namespace_ids(const Fd& user_namespace);

}  // namespace ctr::runtime

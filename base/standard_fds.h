// The three descriptors that every program expects to be open.
#pragma once

#include "base/result.h"

namespace ctr {

// Opens /dev/null for those of the first three descriptors that the caller has closed. A file of ours would get such a
// number otherwise: it would be written to as the output, and containers would inherit it. It is open for reading
// alone: writing fails with EBADF, as without it.
Result<void> open_missing_standard_fds();

}  // namespace ctr

// The uncompressed bytes of an archive that a user hands in: `load` and `import` take more kinds of compression than
// layers have. Only in a confined worker. Private to storage/.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace ctr::storage {

// Writes what is in the stream `input_fd` to `output_fd`, and says how many bytes that was. `what` is for errors of
// writing. Errors: corrupt, unsupported (other compression), invalid (more than `limit_bytes`).
Result<uint64_t> write_plain_archive(int input_fd, int output_fd, uint64_t limit_bytes, const char* what);

}  // namespace ctr::storage

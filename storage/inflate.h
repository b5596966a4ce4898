// The worker process that takes the compression from a stream: what is inside of it comes from outside.
#pragma once

#include "base/result.h"
#include "storage/confine.h"
#include "storage/worker.h"

namespace ctr::storage {

// Copies `input_fd`, which may be compressed with gzip or zstd, to `output_fd`. Errors: corrupt, unsupported (other
// compression), invalid (over UnpackLimits, or no byte at all), io.
Result<void> inflate_stream(int input_fd, int output_fd);

// The main function of the worker; the spool of the request is the output. The answer is {} or {"error": …}.
int run_inflate_worker(const SpoolRequest& request, const LoadFilter& load_filter = {});
Result<void> inflate_answer_from_json(const Json& answer);

}  // namespace ctr::storage

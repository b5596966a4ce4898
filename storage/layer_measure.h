// What a tarball is as a layer: both its digests and both its sizes, found while it is copied.
#pragma once

#include <cstdint>

#include "base/digest.h"
#include "base/json.h"
#include "base/oci/image_config.h"
#include "base/result.h"
#include "storage/confine.h"
#include "storage/unpack.h"
#include "storage/worker.h"

namespace ctr::storage {

struct MeasuredLayer {
  Compression compression = Compression::none;
  Digest digest;            // as it came
  uint64_t size_bytes = 0;  // as it came
  oci::DiffId diff_id;
  uint64_t unpacked_bytes = 0;  // of the uncompressed tar
};

// Reads `input_fd` to its end, writes the bytes to `spool_fd` as they are and looks at what they are uncompressed.
// Errors: corrupt, unsupported (other compression), invalid (the limit of the uncompressed bytes), no_space.
Result<MeasuredLayer> measure_layer(int input_fd, int spool_fd, uint64_t limit_bytes = UnpackLimits{}.stream_bytes);

Json to_json(const Result<MeasuredLayer>& answer);
Result<MeasuredLayer> measure_answer_from_json(const Json& answer);

// The main function of the worker process: confines itself, measures, answers, returns the exit code.
int run_measure_worker(const SpoolRequest& request, const LoadFilter& load_filter = {});

}  // namespace ctr::storage

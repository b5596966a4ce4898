// Streams that may be compressed, made layers of: what is in them comes from outside, so a confined worker takes the
// compression off.
#pragma once

#include "base/cancel.h"
#include "base/result.h"
#include "runtime/host_facts.h"
#include "storage/layer_pack.h"

namespace ctr::engine {

// Reads `input_fd`, a tar, also a compressed one, and writes the blob of a layer to `output_fd`.
// Errors: corrupt, unsupported, no_space, interrupted.
Result<storage::PackedLayer> pack_stream(const runtime::HostFacts& host, int input_fd, int output_fd,
                                         const CancelToken& cancel, const storage::LayerCompression& compression = {});

}  // namespace ctr::engine

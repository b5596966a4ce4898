// A tar becomes the blob of a layer: compressed, both forms hashed on the way.
#pragma once

#include <cstdint>
#include <optional>

#include "base/cancel.h"
#include "base/digest.h"
#include "base/result.h"

namespace ctr::storage {

struct PackedLayer {
  Digest blob;              // of the compressed bytes
  uint64_t size_bytes = 0;  // of them
  Digest diff_id;           // of the tar
};

struct LayerCompression {
  enum class Format { gzip, zstd } format = Format::gzip;
  std::optional<int> level;  // 1 to 9 of gzip, 1 to 20 of zstd; absent: the library's
};

// Reads `input_fd`, a file or a pipe, to its end and writes the blob to `output_fd`. Equal tars give equal blobs.
// Errors: io, no_space, interrupted.
Result<PackedLayer> pack_layer(int input_fd, int output_fd, const CancelToken& cancel,
                               const LayerCompression& compression = {});

}  // namespace ctr::storage

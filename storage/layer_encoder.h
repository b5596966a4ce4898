// Compresses a stream: with gzip, by ISA-L (several times the speed of zlib) or by zlib, or with zstd. Private to
// storage/.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace ctr::storage {

class LayerEncoder {
 public:
  using Sink = std::function<Result<void>(std::string_view bytes)>;

  virtual ~LayerEncoder() = default;
  // Hands what comes out to `sink`, which borrows it.
  virtual Result<void> write(std::string_view bytes, const Sink& sink) = 0;
  // The rest; nothing may be written afterwards.
  virtual Result<void> finish(const Sink& sink) = 0;
};

// Its output has no name and no time. `level` is one of gzip, 1 to 9; ISA-L has three.
Result<std::unique_ptr<LayerEncoder>> make_gzip_encoder(std::optional<int> level = {});
Result<std::unique_ptr<LayerEncoder>> make_zstd_encoder(std::optional<int> level = {});

}  // namespace ctr::storage

// Compresses a stream with gzip: by ISA-L (several times the speed of zlib) or by zlib. Private to storage/.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace ctr::storage {

class GzipEncoder {
 public:
  using Sink = std::function<Result<void>(std::string_view bytes)>;

  virtual ~GzipEncoder() = default;
  // Hands what comes out to `sink`, which borrows it.
  virtual Result<void> write(std::string_view bytes, const Sink& sink) = 0;
  // The rest; nothing may be written afterwards.
  virtual Result<void> finish(const Sink& sink) = 0;
};

// Its output has no name and no time.
Result<std::unique_ptr<GzipEncoder>> make_gzip_encoder();

}  // namespace ctr::storage

// Progress of a transfer, reported by library code and drawn by cli/.
#pragma once

#include <cstdint>
#include <string_view>

namespace ctr {

// All calls come from one thread, in order. `blob` is the digest of the blob the call is about.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  // "Trying to pull REF..."
  virtual void trying(std::string_view reference) = 0;
  enum class BlobKind { layer, config };
  enum class Skip { no, already_exists };
  virtual void blob_started(std::string_view blob, BlobKind kind, uint64_t size_bytes, Skip skip) = 0;
  // `done_bytes` is the sum so far, not a difference; a retry may make it smaller.
  virtual void blob_advanced(std::string_view blob, uint64_t done_bytes) = 0;
  virtual void blob_done(std::string_view blob) = 0;
  virtual void retrying(std::string_view blob, std::string_view why) = 0;
  virtual void writing_manifest() = 0;
};

}  // namespace ctr

// Where bytes of a blob go to and come from; implemented by those who own the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace ctr::registry {

// Takes the bytes of one blob in order.
//
//   resume_offset   append … append   [restart  append …]   verify   commit
//
// commit comes only after size and digest are equal to the descriptor's. Without commit the bytes are not to be
// trusted; the owner may keep them for a later resume, unless the error was `corrupt` (restart was called then).
class BlobSink {
 public:
  virtual ~BlobSink() = default;
  // Bytes held from an earlier, interrupted transfer; 0 when there are none. Asked once, before the first request.
  virtual uint64_t resume_offset() = 0;
  virtual Result<void> append(std::span<const std::byte> bytes) = 0;
  // Forgets all bytes: the transfer begins again at 0 (the server ignores ranges, or the bytes held were wrong).
  virtual Result<void> restart() = 0;
  // Compares size and digest of all bytes held with the descriptor; the owner hashes them, so that it is done once.
  // Errors: corrupt.
  virtual Result<void> verify() = 0;
  // After verify().
  virtual Result<void> commit() = 0;
};

// Gives the bytes of one blob for upload; read again from any offset when an upload is repeated.
class BlobSource {
 public:
  virtual ~BlobSource() = default;
  // Fills as much of `buffer` as there is from `offset`; 0 at the end.
  virtual Result<size_t> read_at(uint64_t offset, std::span<std::byte> buffer) = 0;
};

}  // namespace ctr::registry

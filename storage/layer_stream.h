// The uncompressed bytes of a layer and their digest. Private to storage/.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "storage/unpack.h"

namespace ctr::storage {

// One compression format.
class Decoder {
 public:
  virtual ~Decoder() = default;
  // Consumes from `in` and produces into `out`; both may be partly used. `at_end`: no more input will come.
  struct Step {
    size_t consumed = 0;
    size_t produced = 0;
    bool finished = false;  // a whole member or frame ended here
  };
  virtual Result<Step> decode(const uint8_t* in, size_t in_size, uint8_t* out, size_t out_size) = 0;
  // Ready for the next member or frame, of which `in` holds the first bytes. Errors: corrupt when they are none.
  virtual Result<void> restart(const uint8_t* in, size_t in_size) = 0;
};
Result<std::unique_ptr<Decoder>> make_gzip_decoder();
Result<std::unique_ptr<Decoder>> make_zstd_decoder();

// A file from where it is, a pipe or a socket. `fd` is borrowed.
class StreamSource final : public ByteSource {
 public:
  explicit StreamSource(int fd) : fd_(fd) {}
  Result<size_t> read(void* buffer, size_t size) override;

 private:
  int fd_;
};

enum class Hashing { no, yes };

// Pulls from a source, decompresses by the magic of its first bytes, and hashes what comes out.
class LayerStream {
 public:
  // `limit_bytes` bounds the uncompressed stream.
  LayerStream(ByteSource& source, uint64_t limit_bytes, Hashing hashing = Hashing::yes);

  // The next uncompressed bytes, valid until the next call; empty at the end of the stream.
  // Errors: corrupt, unsupported, invalid (the limit), and those of the source.
  Result<std::string_view> next();
  // Reads the stream to its end and returns the digest of all of it. Only with Hashing::yes.
  Result<Digest> finish();
  uint64_t size_bytes() const { return size_bytes_; }

 private:
  Result<void> fill();
  Result<void> choose_decoder();
  Result<size_t> decode_some();
  bool at_source_end() const { return source_ended_ && in_begin_ == in_end_; }

  ByteSource& source_;
  uint64_t limit_bytes_;
  Hashing hashing_;
  std::vector<uint8_t> in_;
  size_t in_begin_ = 0;
  size_t in_end_ = 0;
  bool source_ended_ = false;
  bool chosen_ = false;
  bool in_member_ = true;  // within a gzip member or zstd frame
  std::unique_ptr<Decoder> decoder_;
  std::vector<uint8_t> out_;
  Hasher hasher_;
  uint64_t size_bytes_ = 0;
};

}  // namespace ctr::storage

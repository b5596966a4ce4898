// Unpacks one layer into a directory: decompress, digest, tar, files. Runs inside the user namespace with the full id
// map.
//
// The process that downloads and the worker that unpacks share the partial blob file and one pipe:
//
//   downloader                                worker (run_unpack_worker)
//     append bytes to the blob file
//     write uint64 "valid bytes" to the pipe -> reads up to that offset, decompresses, unpacks
//     …                                         …
//     write uint64 "valid bytes"
//     write k_stream_end                     -> end of the blob; finishes
//     close the pipe without the end mark    -> aborted: the worker stops with `interrupted`
//
// The pipe is written without blocking; a number that does not fit is simply left out, since the next one says more.
// Only the end mark has to get through: the pipe holds 8192 numbers, so write it with a poll for POLLOUT.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/result.h"
#include "storage/confine.h"
#include "storage/layers.h"

namespace ctr::storage {

// Ends the numbers in the pipe.
inline constexpr uint64_t k_stream_end = UINT64_MAX;

// What a layer may cost; broken limits name limit, value and file.
struct UnpackLimits {
  uint64_t files = 10'000'000;
  uint64_t total_bytes = uint64_t{64} << 30;   // sum of file content as stored, holes not counted
  uint64_t stream_bytes = uint64_t{80} << 30;  // of the uncompressed tar
  uint64_t extension_header_bytes = uint64_t{1} << 20;
  uint64_t xattr_value_bytes = uint64_t{64} << 10;
  uint64_t xattr_total_bytes = uint64_t{1} << 20;  // of one file
  uint64_t path_bytes = 4096;                      // PATH_MAX, linux/limits.h
  bool operator==(const UnpackLimits&) const = default;
};

// Ids inside the user namespace that are mapped.
struct IdSpan {
  uint32_t first = 0;
  uint32_t count = 0;
  bool operator==(const IdSpan&) const = default;
};

// How to treat owners.
struct OwnerRules {
  // Empty spans with `ignore` set: every file belongs to the caller (single-id fallback without subordinate ids).
  std::vector<IdSpan> uids;
  std::vector<IdSpan> gids;
  bool ignore = false;
  bool operator==(const OwnerRules&) const = default;
};

struct UnpackOptions {
  UnpackLimits limits;
  OwnerRules owners;
  // A layer has whiteouts, and its files take the places of what is there. A copy of files has none: directories and
  // other files replace each other with copy_over only, devices are never replaced, and directories that are there
  // already keep no time.
  enum class Purpose { layer, copy, copy_over } purpose = Purpose::layer;
};

// What came out.
struct UnpackedLayer {
  LayerRecord record;
  uint64_t content_bytes = 0;    // written into files
  uint64_t skipped_devices = 0;  // device nodes are never created
  uint64_t skipped_xattrs = 0;   // attributes of storage drivers and labels, see security rules in docs
};

// What the first bytes of a stream (six are enough) say; `foreign` is known and not supported. Layers are not
// compressed with xz or bzip2, whole archives may be.
enum class Compression { none, gzip, zstd, xz, bzip2, foreign };
Compression compression_of(std::string_view head);

// Where compressed bytes come from. read() returns 0 at the end.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual Result<size_t> read(void* buffer, size_t size) = 0;
};

// Unpacks `source` (gzip with any number of members, zstd with any number of frames, or plain tar, told apart by their
// first bytes) into `target`. The digest of the uncompressed bytes covers the stream to its very end.
//
// Everything is created beneath `target` whatever the tar says. `target` may be left half-filled on errors: it is a
// staging directory.
// Errors: corrupt (broken compression or tar, dangerous entries), invalid (a limit or an id outside the map), no_space,
// unsupported (other compression).
Result<UnpackedLayer> unpack_layer(ByteSource& source, const Dir& target, const UnpackOptions& options);

// Sources. A finished blob file, from offset 0:
class FileSource final : public ByteSource {
 public:
  explicit FileSource(int fd) : fd_(fd) {}
  Result<size_t> read(void* buffer, size_t size) override;

 private:
  int fd_;
  uint64_t offset_ = 0;
};
// A partial blob file that grows while the pipe says so.
class GrowingSource final : public ByteSource {
 public:
  GrowingSource(int fd, int count_pipe) : fd_(fd), pipe_(count_pipe) {}
  // Errors: interrupted when the writer went away without the end mark.
  Result<size_t> read(void* buffer, size_t size) override;

 private:
  Result<void> wait_for_more();
  int fd_;
  int pipe_;
  uint64_t offset_ = 0;
  uint64_t valid_ = 0;
  bool ended_ = false;
};

// The request of a worker process, as JSON on a memfd.
struct UnpackRequest {
  int blob_fd = -1;    // the blob file, readable
  int count_fd = -1;   // read end of the pipe; -1: the blob is complete
  int target_fd = -1;  // the diff/ directory
  int answer_fd = -1;  // where the answer goes, see unpack_answer_from_json
  UnpackOptions options;
};
Json to_json(const UnpackRequest& request);
Result<UnpackRequest> unpack_request_from_json(const JsonReader& reader);
// The answer on answer_fd: one JSON document, then end of file.
Json to_json(const Result<UnpackedLayer>& answer);
Result<UnpackedLayer> unpack_answer_from_json(const Json& answer);

// The main function of the worker process: confines itself to the target (see confine.h), unpacks, answers, returns the
// exit code. Dies with its parent. `load_filter` is called before the first outside byte is read.
int run_unpack_worker(const UnpackRequest& request, const LoadFilter& load_filter = {});

}  // namespace ctr::storage

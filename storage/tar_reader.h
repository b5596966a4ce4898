// The entries of a tar stream, read with libarchive's tar reader and nothing else of it. Private to storage/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/layer_stream.h"

namespace ctr::storage {

struct TarXattr {
  std::string name;
  std::string value;
};

// One entry; text fields are the bytes of the archive.
struct TarEntry {
  enum class Type { file, directory, symlink, hardlink, fifo, device, other };
  Type type = Type::other;
  std::string path;
  std::string target;  // of links
  uint32_t mode = 0;   // 07777
  int64_t uid = 0;     // as written: may be out of any range
  int64_t gid = 0;
  int64_t mtime_seconds = 0;
  uint32_t mtime_nanoseconds = 0;
  uint64_t size_bytes = 0;  // of a file, holes included
  std::vector<TarXattr> xattrs;
};

class TarReader {
 public:
  // `stream` must outlive the reader.
  static Result<TarReader> open(LayerStream& stream, const UnpackLimits& limits);
  TarReader(TarReader&&) noexcept;
  TarReader& operator=(TarReader&&) noexcept;
  ~TarReader();

  // The next entry, valid until the next call; nullptr at the end of the archive.
  // Errors: corrupt, invalid (a limit), and those of the stream.
  Result<const TarEntry*> next();

  // The next piece of the current file's content at its offset; holes are between pieces. nullopt at its end.
  struct Piece {
    uint64_t offset = 0;
    std::string_view bytes;
  };
  Result<std::optional<Piece>> next_piece();

 private:
  struct State;
  explicit TarReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ctr::storage

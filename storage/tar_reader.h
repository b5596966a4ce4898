// The entries of a tar stream, read with libarchive's tar reader and nothing else of it. Private to storage/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "storage/layer_stream.h"
#include "storage/tar_entry.h"

namespace ctr::storage {

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

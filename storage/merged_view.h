// Reads files of a stack of layers without mounting it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"

namespace ctr::storage {

// The directories of a rootfs, held open, top first (upper, then layers).
class [[nodiscard]] MergedView {
 public:
  // Paths as in RootfsSpec: `upper` may be empty. Errors: not_found.
  static Result<MergedView> open(const std::vector<std::string>& top_first);
  explicit MergedView(std::vector<Dir> top_first) : layers_(std::move(top_first)) {}

  // Opens a regular file as the container would see it at its start: whiteouts, opaque directories and symbolic links
  // (absolute ones begin at the root of the view, at most 40) across layers; cannot leave the layers. O_NONBLOCK, so
  // that a FIFO cannot stop us. nullopt when it does not exist. Errors: invalid for anything but a regular file.
  Result<std::optional<Fd>> open_file(std::string_view path) const;
  // The whole file. Errors: invalid when over `limit_bytes`.
  Result<std::optional<std::string>> read_file(std::string_view path, size_t limit_bytes) const;
  enum class Type { none, file, directory, symlink, other };
  // What `path` is, following links.
  Result<Type> type(std::string_view path) const;
  // The directories that the one at `path` is made of, following links, top first: absolute paths where those of the
  // view are. Errors: not_found; invalid for anything but a directory.
  Result<std::vector<std::string>> directories(std::string_view path) const;

 private:
  std::vector<Dir> layers_;
};

}  // namespace ctr::storage

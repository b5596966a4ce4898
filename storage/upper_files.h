// Puts files into a container's upper directory while nothing has it mounted.
//
// What a container finds in its root before its program starts is usually made through the mounted root. Where a server
// answers for that (fuse-overlayfs) each file costs half a dozen of its answers, and here a few system calls. Only what
// the caller can do exactly as the server would is done: all else is left alone, for who has the root mounted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace ctr::storage {

class [[nodiscard]] UpperFiles {
 public:
  enum class Kind { file, directory };
  // Absolute paths; `lower` topmost first. Errors: not_found.
  static Result<UpperFiles> open(const std::string& upper, const std::vector<std::string>& lower);

  // Makes an empty file or a directory of mode 0755 at `path`, with the directories above it, where nothing is.
  // Whether there is something afterwards.
  Result<bool> make(std::string_view path, Kind kind) const;
  // Puts `text` behind the file at `path`, which is made with mode 0644 when it is missing. False: nothing was done.
  Result<bool> append(std::string_view path, std::string_view text) const;

 private:
  explicit UpperFiles(std::vector<Dir> top_first) : layers_(std::move(top_first)) {}

  std::vector<Dir> layers_;
};

}  // namespace ctr::storage

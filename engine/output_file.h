// Files and directories that the user names for output: under a passing name until they are whole.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace ctr::engine {

// What files of the user's get, less the umask.
inline constexpr mode_t k_output_file_mode = 0666;

// A path as the directory it is in and its last component.
struct OutputPlace {
  Dir parent;
  std::string name;
};
// Errors: invalid for what names no file, those of opening the directory.
Result<OutputPlace> open_output(const std::string& path);

// A file or directory under a passing name; it gets its own by publish(), or goes.
class [[nodiscard]] PendingOutput {
 public:
  // `place` must outlive it.
  explicit PendingOutput(const OutputPlace& place);
  PendingOutput(const PendingOutput&) = delete;
  PendingOutput& operator=(const PendingOutput&) = delete;
  ~PendingOutput();
  // Of the passing name, in the place's directory.
  const std::string& name() const { return name_; }
  Result<void> publish();

 private:
  const OutputPlace& place_;
  std::string name_;
};

// Has `write` fill a new file that takes the place of `path` when it is whole. A device or a FIFO is written to, not
// replaced. Errors: those of `write`, io.
Result<void> write_output_file(const std::string& path, const std::function<Result<void>(int fd)>& write);

}  // namespace ctr::engine

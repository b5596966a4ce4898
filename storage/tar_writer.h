// Writes a tar stream: POSIX ustar headers, with an extended header ("pax") for what does not fit into them. Names and
// attributes are written byte for byte. Private to storage/ and engine/copy.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/tar_entry.h"

namespace ctr::storage {

class TarWriter {
 public:
  // `fd` is borrowed: a file, a pipe or a socket.
  explicit TarWriter(int fd) : fd_(fd) {}

  // Begins an entry; a file's `size_bytes` bytes follow by content(). Errors: unsupported for devices, io.
  Result<void> begin(const TarEntry& entry);
  // The next bytes of the file.
  Result<void> content(std::string_view bytes);
  // Ends the archive: two empty blocks, then whole records.
  Result<void> finish();

 private:
  Result<void> write(std::string_view bytes);
  int fd_;
  uint64_t written_ = 0;
  uint64_t left_bytes_ = 0;  // of the current file
};

// A member's header, with its extended header in front when it needs one.
std::string tar_header(const TarEntry& entry);

}  // namespace ctr::storage

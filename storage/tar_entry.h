// One entry of a tar archive as a value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ctr::storage {

struct TarXattr {
  std::string name;
  std::string value;
};

// Text fields are the bytes of the archive.
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

}  // namespace ctr::storage

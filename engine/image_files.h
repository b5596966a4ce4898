// The files of an image archive or of an image directory, opened by name and read at offsets.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"
#include "runtime/host_facts.h"
#include "storage/archive_index.h"

namespace ctr::engine {

// Bytes [offset, offset + size_bytes) of an open file.
struct FileSpan {
  Fd file;
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
};

class ImageFiles {
 public:
  virtual ~ImageFiles() = default;
  // nullopt when there is no such file. Errors: corrupt when it is no regular file.
  virtual Result<std::optional<FileSpan>> find(std::string_view name) const = 0;

  // Errors: not_found as well.
  Result<FileSpan> get(std::string_view name) const;
  // A whole document. Errors: as get(); invalid when it is over `limit_bytes`.
  Result<std::string> read(std::string_view name, size_t limit_bytes = size_t{4} << 20) const;
  // nullopt when there is no such file.
  Result<std::optional<std::string>> read_if_there(std::string_view name) const;
};

// Fills as much of `buffer` as there is from `at` on; 0 at the end of the span.
Result<size_t> read_span(const FileSpan& span, uint64_t at, std::span<std::byte> buffer);

// A directory of the user: names are resolved beneath it.
Result<std::unique_ptr<ImageFiles>> open_directory_files(const std::string& path);
// A tar archive that is open at its start: a file, also a compressed one, or a pipe. A worker lists it; what cannot be
// read in place is copied to a nameless file in `spool_dir` first. Errors: as storage::index_archive().
Result<std::unique_ptr<ImageFiles>> open_archive_files(const runtime::HostFacts& host, Fd archive, const Dir& spool_dir,
                                                       const CancelToken& cancel);

}  // namespace ctr::engine

// What an image archive (the tar that `load` is given) holds, and where: nothing of it is unpacked, its files are read
// in place. Runs in a worker process without any other descriptor, since the archive is outside data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "storage/confine.h"
#include "storage/worker.h"

namespace ctr::storage {

// One regular file of the archive, or a link to one.
struct ArchiveMember {
  std::string path;         // without leading "./"
  std::string link;         // of links: the path in the archive that is meant; else empty
  uint64_t offset = 0;      // of the content
  uint64_t size_bytes = 0;  // of the content
  bool operator==(const ArchiveMember&) const = default;
};

struct ArchiveListing {
  // The content is in the spool: the archive came compressed, or from a pipe.
  bool is_spooled = false;
  std::vector<ArchiveMember> members;
};

// What an archive may cost.
struct ArchiveLimits {
  uint64_t members = 20'000;
  uint64_t name_bytes = uint64_t{8} << 20;      // of all paths together
  uint64_t path_bytes = 4096;                   // PATH_MAX, linux/limits.h
  uint64_t stream_bytes = uint64_t{256} << 30;  // of the uncompressed archive, when it has to be spooled
};

// Lists an archive. One that is compressed (gzip, zstd, xz, bzip2) or cannot be read at offsets is written to
// `spool_fd` first, which may be -1 when that is not wanted. Errors: corrupt (no tar, absolute paths, "..", links that
// lead outside, devices, two files of one name), invalid (a limit), unsupported (other compression, sparse files),
// no_space.
Result<ArchiveListing> index_archive(int input_fd, int spool_fd, const ArchiveLimits& limits = {});

Json to_json(const Result<ArchiveListing>& answer);
Result<ArchiveListing> index_answer_from_json(const Json& answer);
// Longer than any answer within ArchiveLimits.
inline constexpr JsonLimits k_index_answer_limits = {.size_bytes = size_t{64} << 20};

// The main function of the worker process: confines itself, lists, answers, returns the exit code.
int run_index_worker(const SpoolRequest& request, const LoadFilter& load_filter = {});

}  // namespace ctr::storage

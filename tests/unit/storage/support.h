// Temporary stores and hand-made tar streams for the tests of storage/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/paths.h"
#include "storage/store.h"
#include "storage/unpack.h"
#include "tests/catch.h"

namespace ctr::storage::testing {

// A directory below $TMPDIR that goes with the object.
class TempDir {
 public:
  // `base`: where; $TMPDIR or /tmp when empty.
  explicit TempDir(std::string base = {});
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  const Dir& dir() const { return dir_; }

 private:
  std::string path_;
  Dir dir_;
};

UserPaths paths_below(const std::string& path);

// The value, or a failed test that says why.
template <typename T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().text());
  return std::move(result).value();
}
inline void must(Result<void> result) {
  if (!result) FAIL(result.error().text());
}

// Writes any header, right or wrong.
struct TarHeader {
  std::string name;
  char type = '0';
  std::string content = {};
  std::string target = {};
  uint32_t mode = 0644;
  uint64_t uid = 0;
  uint64_t gid = 0;
  int64_t mtime = 1'600'000'000;
  uint64_t device_major = 0;
  uint64_t device_minor = 0;
  std::vector<std::pair<std::string, std::string>> pax = {};  // records of an extended header in front
  int64_t stated_size = -1;                                   // -1: that of content
};

class TarBuilder {
 public:
  TarBuilder& add(const TarHeader& header);
  TarBuilder& dir(std::string name, uint32_t mode = 0755);
  TarBuilder& file(std::string name, std::string content = "");
  TarBuilder& link(std::string name, std::string target);
  TarBuilder& hard_link(std::string name, std::string target);
  TarBuilder& raw(std::string_view bytes);
  // With the two zero blocks of the end.
  std::string finish() const;
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};
std::string pax_record(std::string_view key, std::string_view value);

std::string gzip(std::string_view bytes);
std::string zstd(std::string_view bytes);

class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string bytes, size_t piece = SIZE_MAX) : bytes_(std::move(bytes)), piece_(piece) {}
  Result<size_t> read(void* buffer, size_t size) override;

 private:
  std::string bytes_;
  size_t offset_ = 0;
  size_t piece_;
};

// Owners of a caller that has only itself: the tests run without root.
UnpackOptions own_files();
Result<UnpackedLayer> unpack(const std::string& tar, const Dir& target, const UnpackOptions& options = own_files());

struct stat must_stat(const Dir& dir, const std::string& name);
bool is_whiteout(const Dir& dir, const std::string& name);
bool is_opaque(const Dir& dir, const std::string& name);

}  // namespace ctr::storage::testing

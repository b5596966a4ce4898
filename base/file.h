// Files beneath directories: every path of ours, of images and of users is resolved here.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace ctr {

enum class Sync { no, yes };

// A directory held open; names below it are resolved with openat2(2) and cannot leave it.
//
// Names may have several components, of which the last one is never followed. `RESOLVE_BENEATH` semantics: "..",
// absolute names and links that lead out are errors. For trees of images, where absolute links are normal and mean
// "inside the tree", use the `in_root` forms (RESOLVE_IN_ROOT | NO_MAGICLINKS).
class [[nodiscard]] Dir {
 public:
  Dir() = default;
  explicit Dir(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  // Opens an existing directory by path (a path of ours or one the user typed).
  static Result<Dir> open(const std::string& path);
  // Opens, making it and missing parents with `mode` first.
  static Result<Dir> open_or_make(const std::string& path, mode_t mode);

  int fd() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }
  // For messages only; never to open something below it.
  const std::string& path() const { return path_; }

  Result<Dir> open_dir(std::string_view name) const;
  Result<Dir> open_or_make_dir(std::string_view name, mode_t mode) const;
  // open(2) flags as given plus O_CLOEXEC | O_NOFOLLOW.
  Result<Fd> open_file(std::string_view name, int flags, mode_t mode = 0) const;
  // Resolves as a process whose root is this directory would: absolute links stay inside.
  Result<Fd> open_in_root(std::string_view path, int flags, mode_t mode = 0) const;

  Result<void> make_dir(std::string_view name, mode_t mode) const;
  Result<void> remove_file(std::string_view name) const;
  // Removes an empty directory.
  Result<void> remove_dir(std::string_view name) const;
  // renameat2(2); `flags` such as RENAME_NOREPLACE or RENAME_EXCHANGE.
  Result<void> rename(std::string_view from, const Dir& to_dir, std::string_view to, unsigned flags = 0) const;
  Result<void> make_symlink(const std::string& target, std::string_view name) const;
  Result<std::string> read_symlink(std::string_view name) const;
  // lstat. nullopt when it does not exist.
  Result<std::optional<struct stat>> find(std::string_view name) const;
  bool exists(std::string_view name) const;
  // Names of the entries without "." and "..", unsorted.
  Result<std::vector<std::string>> list() const;
  Result<void> sync() const;

  // Whole file as text. Errors: not_found, invalid when longer than `limit_bytes`.
  Result<std::string> read_file(std::string_view name, size_t limit_bytes = size_t{4} << 20) const;
  // Writes a temporary, optionally fsyncs it and the directory, and renames it over `name`: never seen half-written.
  Result<void> write_file(std::string_view name, std::string_view content, Sync sync, mode_t mode = 0600) const;

 private:
  Fd fd_;
  std::string path_;
};

// Reads a whole file named by the user or the system configuration. Regular files only, bounded.
Result<std::string> read_file(const std::string& path, size_t limit_bytes = size_t{4} << 20);
// The same, nullopt when it does not exist.
Result<std::optional<std::string>> read_file_if_exists(const std::string& path, size_t limit_bytes = size_t{4} << 20);
// Creates `path` with O_EXCL and writes `content` (files that users name for output).
Result<void> create_file(const std::string& path, std::string_view content, mode_t mode = 0644);
// A file below /proc or /sys, which have size 0 and short content.
Result<std::string> read_kernel_file(const std::string& path);
// Opens with O_CLOEXEC.
Result<Fd> open_path(const std::string& path, int flags, mode_t mode = 0);
// access(2) says that it exists, links followed.
bool path_exists(const std::string& path);
// Removes a file or a tree of any depth below `dir` without following links. Missing is fine; directories of the caller
// that lack permission bits are given them. Errors: permission when owners differ.
Result<void> remove_tree(const Dir& dir, std::string_view name);
struct TreeSize {
  uint64_t size_bytes = 0;
  uint64_t inodes = 0;
};
// Sum of the sizes of all files below `dir`, and the count of inodes. Directories have size 0 and hard links count
// once. Directories that the caller may not read count as empty.
Result<TreeSize> tree_size(const Dir& dir);
// One syncfs(2) of the file system that holds `dir`.
Result<void> sync_file_system(const Dir& dir);

}  // namespace ctr

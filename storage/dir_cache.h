// Open directories of a tree that is being filled. Private to storage/.
#pragma once

#include <sys/stat.h>
#include <time.h>

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"

namespace ctr::storage {

// One directory of the tree, held open. Its modification time is put back when it leaves the cache, since every entry
// made in it changes it: so directory times are right at the end without remembering all directories.
struct OpenDir {
  std::string path;
  Fd fd;
  mode_t mode = 0;
  gid_t gid = 0;
  timespec mtime{};
  bool is_changed = false;  // an entry was made in it
  bool keeps_time = true;
};

// The most recently used directories beneath one root. Entries of a tar mostly come directory by directory.
class DirCache {
 public:
  // Whether directories that were there before keep their time, as those of a layer do, or show that something changed.
  enum class Found { keep_time, change_time };
  explicit DirCache(const Dir& root, Found found = Found::keep_time) : root_(root), found_(found) {}
  ~DirCache();
  DirCache(const DirCache&) = delete;
  DirCache& operator=(const DirCache&) = delete;

  // The directory `path` (components joined by '/', no leading one, "" is the root), resolved as a process whose root
  // is the tree would. Made, with its parents, when it is missing; a link to a place that does not exist yet is
  // followed and the place made. Valid until the next call. Errors: corrupt when a file stands in the way.
  enum class Missing { make, refuse };
  Result<OpenDir*> open(const std::string& path, Missing missing);
  // Puts in a directory that was just made, with the time it is to have.
  Result<void> adopt(OpenDir dir);
  // Forgets everything: names may mean other directories from here on. Errors: io.
  Result<void> clear();

 private:
  using Entries = std::list<OpenDir>;
  OpenDir* insert(OpenDir dir);
  Result<Fd> open_or_make(const std::string& path, Missing missing);
  Result<void> make_missing(std::string& path);
  static Result<void> restore_time(OpenDir& dir);
  Result<void> evict();

  const Dir& root_;
  const Found found_;
  Entries entries_;  // most recently used first
  std::unordered_map<std::string_view, Entries::iterator> by_path_;
};

// Marks a directory as hiding what lower layers have at its place. The name is understood by the kernel's overlay with
// `userxattr` and by fuse-overlayfs.
Result<void> set_opaque(int dir_fd, const std::string& path);
bool is_whiteout_device(const struct stat& info);

}  // namespace ctr::storage

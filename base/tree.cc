// Whole trees: removing, measuring and syncing them.
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <set>

#include "base/file.h"
#include "base/random.h"

namespace ctr {
namespace {

// Directories open at once. Deeper ones are moved up first: images and containers may nest without limit.
constexpr size_t k_open_dirs = 64;

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

// One directory on the way down: its stream, and its name in the directory above.
struct Level {
  std::unique_ptr<DIR, DirCloser> stream;
  std::string name;
  bool opened_up = false;  // given u+rwx already

  int fd() const { return ::dirfd(stream.get()); }
};

// Gives a directory of ours all bits for its owner. Through O_PATH, since fchmodat(2) would follow a link.
bool open_up(int dirfd, const char* name) {
  Fd fd(::openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return fd.valid() && ::chmod(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), 0700) == 0;
}

// A directory that is to be removed with all that is in it. What is mounted there is not in it: EXDEV.
Fd open_to_empty(int parent, const char* name) {
  struct open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_NO_XDEV;
  return Fd(static_cast<int>(::syscall(SYS_openat2, parent, name, &how, sizeof how)));
}

class TreeRemover {
 public:
  TreeRemover(const Dir& top, std::string_view name)
      : top_(top), what_("'" + top.path() + "/" + std::string(name) + "'") {}

  Result<void> remove(const std::string& name) {
    TRY(enter(top_.fd(), name.c_str()));
    while (!levels_.empty()) TRY(step());
    return ok();
  }

 private:
  Error failed() const { return Error::from_errno("remove " + what_, sys_); }
  // Keeps the errno of a call before anything changes it.
  Error failed_now() {
    sys_ = errno;
    return failed();
  }

  Result<void> enter(int parent, const char* name) {
    Fd fd = open_to_empty(parent, name);
    if (!fd.valid() && errno == EACCES && open_up(parent, name)) fd = open_to_empty(parent, name);
    if (!fd.valid() && errno == ENOENT) return ok();  // somebody else removed it
    if (!fd.valid()) return failed_now();
    Level level{.stream = std::unique_ptr<DIR, DirCloser>(::fdopendir(fd.get())), .name = name};
    if (!level.stream) return failed_now();
    (void)fd.release();
    levels_.push_back(std::move(level));
    return ok();
  }

  // Handles the next entry of the deepest directory, or leaves it when there is none.
  Result<void> step() {
    Level& level = levels_.back();
    errno = 0;
    const dirent* entry = ::readdir(level.stream.get());
    if (entry == nullptr && errno != 0) return failed_now();
    if (entry == nullptr) return leave();
    std::string_view name = entry->d_name;
    if (name == "." || name == "..") return ok();
    // A type the file system does not tell is tried as a file first: unlink(2) of a directory says EISDIR.
    if (entry->d_type != DT_DIR) {
      if (unlink_entry(level, entry->d_name, 0)) return ok();
      if (sys_ != EISDIR) return failed();
    }
    return levels_.size() < k_open_dirs ? enter(level.fd(), entry->d_name) : move_up(level, entry->d_name);
  }

  // Removes the directory that has been emptied. One that is not empty after all (an entry came, or the file system
  // skipped some while others went) is read again, as often as this makes progress.
  Result<void> leave() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    bool removed = levels_.empty() ? unlink_at(top_.fd(), level.name.c_str(), AT_REMOVEDIR)
                                   : unlink_entry(levels_.back(), level.name.c_str(), AT_REMOVEDIR);
    if (removed) return ok();
    if (sys_ != ENOTEMPTY || ++rereads_ > k_max_rereads) return failed();
    ::rewinddir(level.stream.get());
    levels_.push_back(std::move(level));
    return ok();
  }

  bool unlink_at(int dirfd, const char* name, int flags) {
    if (::unlinkat(dirfd, name, flags) == 0 || errno == ENOENT) return true;
    sys_ = errno;
    return false;
  }

  // The same, after giving the directory its permission bits where they are missing.
  bool unlink_entry(Level& level, const char* name, int flags) {
    if (unlink_at(level.fd(), name, flags)) return true;
    if (sys_ != EACCES || level.opened_up) return false;
    level.opened_up = true;
    return ::fchmod(level.fd(), 0700) == 0 && unlink_at(level.fd(), name, flags);
  }

  // Moves a directory into the first one of the tree, where it is met again at depth one.
  Result<void> move_up(Level& level, const char* name) {
    std::string unique = ".deep." + random_hex(8);
    auto move = [&] { return ::renameat(level.fd(), name, levels_.front().fd(), unique.c_str()) == 0; };
    if (move() || errno == ENOENT) return ok();
    if (errno != EACCES) return failed_now();
    // The directory itself needs write permission too, since its ".." changes.
    if (!open_up(level.fd(), name) || ::fchmod(level.fd(), 0700) < 0 || ::fchmod(levels_.front().fd(), 0700) < 0 ||
        !move()) {
      return failed_now();
    }
    return ok();
  }

  // Every chain of moved directories costs one more reading of the first one.
  static constexpr int k_max_rereads = 1'000'000;

  const Dir& top_;
  std::string what_;
  std::vector<Level> levels_;
  int sys_ = 0;
  int rereads_ = 0;
};

struct Measure {
  TreeSize sum;
  std::set<std::pair<dev_t, ino_t>> links;  // inodes with several names that have been counted
};

void measure_entry(const struct stat& info, Measure& measure) {
  if (info.st_nlink > 1 && !S_ISDIR(info.st_mode) && !measure.links.emplace(info.st_dev, info.st_ino).second) return;
  measure.sum.inodes += 1;
  if (!S_ISDIR(info.st_mode)) measure.sum.size_bytes += static_cast<uint64_t>(info.st_size);
}

// Recursion is bounded by `depth`: what is deeper is not counted.
Result<void> measure_dir(Fd fd, const std::string& what, Measure& measure, size_t depth) {
  std::unique_ptr<DIR, DirCloser> stream(::fdopendir(fd.get()));
  if (!stream) return Error::from_errno("list '" + what + "'");
  (void)fd.release();
  errno = 0;
  for (const dirent* entry = ::readdir(stream.get()); entry != nullptr; errno = 0, entry = ::readdir(stream.get())) {
    std::string_view name = entry->d_name;
    struct stat info{};
    if (name == "." || name == "..") continue;
    // Names may vanish while a container runs.
    if (::fstatat(::dirfd(stream.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0) continue;
    measure_entry(info, measure);
    if (!S_ISDIR(info.st_mode) || depth == 0) continue;
    Fd child(::openat(::dirfd(stream.get()), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (child.valid()) TRY(measure_dir(std::move(child), what, measure, depth - 1));
  }
  if (errno != 0) return Error::from_errno("list '" + what + "'");
  return ok();
}

}  // namespace

Result<void> remove_tree(const Dir& dir, std::string_view name) {
  auto removed = dir.remove_file(name);
  if (removed || removed.error().sys() == ENOENT) return ok();
  if (removed.error().sys() != EISDIR) return removed;
  // remove_file() has refused a name with several components that leads out; beneath `dir` the parent is opened.
  size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return TreeRemover(dir, name).remove(std::string(name));
  Dir parent = TRY(dir.open_dir(name.substr(0, slash)));
  return TreeRemover(parent, name.substr(slash + 1)).remove(std::string(name.substr(slash + 1)));
}

Result<TreeSize> tree_size(const Dir& dir) {
  Measure measure;
  Fd fd(::openat(dir.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return Error::from_errno("open '" + dir.path() + "'");
  constexpr size_t k_depth = 512;  // half of the usual limit of open descriptors
  TRY(measure_dir(std::move(fd), dir.path(), measure, k_depth));
  return measure.sum;
}

Result<void> sync_file_system(const Dir& dir) {
  if (::syncfs(dir.fd()) < 0) return Error::from_errno("sync the file system of '" + dir.path() + "'");
  return ok();
}

}  // namespace ctr

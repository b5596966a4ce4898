#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "engine/copy_up.h"

namespace ctr::engine {

namespace {

// Each level holds one descriptor: as deep as the usual limit of 1,024 lets a process go.
constexpr int k_depth_limit = 900;

struct DirCloser {
  void operator()(DIR* dir) const { closedir(dir); }
};

class TreeGiver {
 public:
  explicit TreeGiver(const ChownRequest& request) : request_(request) {}

  // `dir` is open for reading; it and all below it are given.
  Result<void> give_dir(int dir, const std::string& what, int depth) {
    if (depth > k_depth_limit) return Error(Errc::invalid, fmt::format("'{}' is too deep to change its owner", what));
    struct stat status{};
    if (fstat(dir, &status) != 0) return Error::from_errno(fmt::format("look at '{}'", what));
    TRY(give_entry(dir, "", AT_EMPTY_PATH, status, what));
    const int copy = fcntl(dir, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return Error::from_errno(fmt::format("read '{}'", what));
    const std::unique_ptr<DIR, DirCloser> stream(fdopendir(copy));
    if (!stream) return Error::from_errno(fmt::format("read '{}'", what));
    while (const auto* entry = readdir(stream.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      TRY(give_child(dir, entry->d_name, fmt::format("{}/{}", what, name), status.st_dev, depth));
    }
    return ok();
  }

  // What has the owner already is left as it is: a change would take set-id bits away.
  Result<void> give_entry(int dir, const char* name, int flags, const struct stat& status, const std::string& what) {
    if (status.st_uid == request_.uid && status.st_gid == request_.gid) return ok();
    if (fchownat(dir, name, request_.uid, request_.gid, flags | AT_SYMLINK_NOFOLLOW) == 0) return ok();
    if (errno == ENOENT && *name != '\0') return ok();
    return Error::from_errno(fmt::format("change the owner of '{}'", what));
  }

 private:
  Result<void> give_child(int dir, const char* name, const std::string& what, dev_t device, int depth) {
    struct stat status{};
    if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return ok();  // a container that runs may take files away meanwhile
      return Error::from_errno(fmt::format("look at '{}'", what));
    }
    if (!S_ISDIR(status.st_mode)) return give_entry(dir, name, 0, status, what);
    if (status.st_dev != device) return ok();
    const Fd below(openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!below.valid() && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return ok();
    if (!below.valid()) return Error::from_errno(fmt::format("open '{}'", what));
    return give_dir(below.get(), what, depth + 1);
  }

  const ChownRequest& request_;
};

}  // namespace

Result<void> give_tree(int target, const ChownRequest& request) {
  TreeGiver giver(request);
  struct stat status{};
  if (fstat(target, &status) != 0) return Error::from_errno("look at the mount's source");
  if (!S_ISDIR(status.st_mode) || request.reach == ChownRequest::Reach::itself) {
    return giver.give_entry(target, "", AT_EMPTY_PATH, status, "the mount's source");
  }
  // Our own descriptor for reading: the one that was handed over may be O_PATH.
  const Fd dir(openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir.valid()) return Error::from_errno("open the mount's source");
  return giver.give_dir(dir.get(), "", 0);
}

}  // namespace ctr::engine

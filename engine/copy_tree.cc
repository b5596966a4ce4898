#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>

#include "engine/copy_up.h"

namespace ctr::engine {

namespace {

// PATH_MAX, linux/limits.h: a deeper tree cannot be named anyway.
constexpr int k_depth_limit = 2048;
// XATTR_LIST_MAX and XATTR_SIZE_MAX, linux/limits.h.
constexpr size_t k_xattr_limit_bytes = 65536;

Error failed(const char* act, const Dir& dir, const std::string& name) {
  return Error::from_errno(fmt::format("{} '{}/{}'", act, dir.path(), name));
}

// Attributes of users and file capabilities; those of storage drivers and labels stay behind.
void copy_attributes(int from, int to) {
  std::string names(k_xattr_limit_bytes, '\0');
  const auto size = flistxattr(from, names.data(), names.size());
  if (size <= 0) return;
  names.resize(static_cast<size_t>(size));
  std::string value(k_xattr_limit_bytes, '\0');
  for (size_t at = 0; at < names.size(); at += std::char_traits<char>::length(names.c_str() + at) + 1) {
    const std::string_view name = names.c_str() + at;
    const bool wanted =
        name == "security.capability" ||
        (name.starts_with("user.") && !name.starts_with("user.overlay.") && !name.starts_with("user.fuseoverlayfs."));
    if (!wanted) continue;
    const auto length = fgetxattr(from, name.data(), value.data(), value.size());
    // A file system without attributes is no reason to refuse the copy: podman's copy does the same.
    if (length >= 0) (void)fsetxattr(to, name.data(), value.data(), static_cast<size_t>(length), 0);
  }
}

struct Owner {
  uid_t uid;
  gid_t gid;
};

Result<Owner> owner_of(const struct stat& status, const runtime::IdMap& owners, const std::string& what) {
  if (owners.empty()) return Owner{status.st_uid, status.st_gid};
  const auto uid = runtime::to_outside(owners.uids, status.st_uid);
  const auto gid = runtime::to_outside(owners.gids, status.st_gid);
  if (uid && gid) return Owner{*uid, *gid};
  return Error(Errc::invalid, fmt::format("'{}' belongs to {}:{}, which the container's user namespace does not have",
                                          what, status.st_uid, status.st_gid));
}

Result<void> set_owner(int to, const Owner& owner, const std::string& what) {
  if (fchown(to, owner.uid, owner.gid) != 0) return Error::from_errno("set the owner of '" + what + "'");
  return ok();
}

// Comes after the owner: chown(2) clears set-id bits and file capabilities.
Result<void> set_mode(int to, const struct stat& status, const std::string& what) {
  if (fchmod(to, status.st_mode & 07777) != 0) return Error::from_errno("set the mode of '" + what + "'");
  const std::array<timespec, 2> times = {status.st_atim, status.st_mtim};
  if (futimens(to, times.data()) != 0) return Error::from_errno("set the times of '" + what + "'");
  return ok();
}

Result<void> copy_bytes(int from, int to, uint64_t size, const std::string& what) {
  uint64_t done = 0;
  while (done < size) {
    const auto count = copy_file_range(from, nullptr, to, nullptr, size - done, 0);
    if (count == 0) break;
    if (count > 0) {
      done += static_cast<uint64_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP) return Error::from_errno("copy '" + what + "'");
    std::array<char, 65536> buffer;
    const auto got = read(from, buffer.data(), buffer.size());
    if (got < 0) return Error::from_errno("read '" + what + "'");
    if (got == 0) break;
    TRY(write_all(to, {buffer.data(), static_cast<size_t>(got)}, what));
    done += static_cast<uint64_t>(got);
  }
  return ok();
}

// Copies the entries of one directory and of those below it.
class TreeCopier {
 public:
  explicit TreeCopier(const runtime::IdMap& owners) : owners_(owners) {}
  Result<void> copy(const Dir& from, const Dir& to, int depth);

 private:
  Result<void> copy_file(const Dir& from, const Dir& to, const std::string& name, const struct stat& status);
  Result<void> copy_special(const Dir& from, const Dir& to, const std::string& name, const struct stat& status);
  const runtime::IdMap& owners_;
};

Result<void> TreeCopier::copy_file(const Dir& from, const Dir& to, const std::string& name, const struct stat& status) {
  const auto source = TRY(from.open_file(name, O_RDONLY | O_NONBLOCK));
  const auto target = TRY(to.open_file(name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  const auto what = to.path() + "/" + name;
  TRY(copy_bytes(source.get(), target.get(), static_cast<uint64_t>(status.st_size), what));
  TRY(set_owner(target.get(), TRY(owner_of(status, owners_, what)), what));
  copy_attributes(source.get(), target.get());
  return set_mode(target.get(), status, what);
}

Result<void> TreeCopier::copy_special(const Dir& from, const Dir& to, const std::string& name,
                                      const struct stat& status) {
  if (S_ISLNK(status.st_mode)) {
    TRY(to.make_symlink(TRY(from.read_symlink(name)), name));
  } else if (S_ISFIFO(status.st_mode)) {
    if (mkfifoat(to.fd(), name.c_str(), status.st_mode & 07777) != 0) return failed("make the FIFO", to, name);
  } else {
    return ok();
  }
  const auto owner = TRY(owner_of(status, owners_, to.path() + "/" + name));
  if (fchownat(to.fd(), name.c_str(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return failed("set the owner of", to, name);
  }
  return ok();
}

Result<void> TreeCopier::copy(const Dir& from, const Dir& to, int depth) {
  if (depth > k_depth_limit) return Error(Errc::invalid, fmt::format("'{}' is too deep to be copied", from.path()));
  for (const auto& name : TRY(from.list())) {
    const auto status = TRY(from.find(name));
    if (!status) continue;
    if (S_ISDIR(status->st_mode)) {
      TRY(to.make_dir(name, 0700));
      const auto below = TRY(to.open_dir(name));
      TRY(copy(TRY(from.open_dir(name)), below, depth + 1));
      TRY(set_owner(below.fd(), TRY(owner_of(*status, owners_, below.path())), below.path()));
      TRY(set_mode(below.fd(), *status, below.path()));
    } else if (S_ISREG(status->st_mode)) {
      TRY(copy_file(from, to, name, *status));
    } else {
      TRY(copy_special(from, to, name, *status));
    }
  }
  return ok();
}

}  // namespace

Result<void> copy_tree(const Dir& from, const Dir& to, const runtime::IdMap& owners) {
  TRY(TreeCopier(owners).copy(from, to, 0));
  return copy_status(from, to, owners);
}

Result<void> copy_status(const Dir& from, const Dir& to, const runtime::IdMap& owners) {
  struct stat status{};
  if (fstat(from.fd(), &status) != 0) return Error::from_errno("look at '" + from.path() + "'");
  TRY(set_owner(to.fd(), TRY(owner_of(status, owners, to.path())), to.path()));
  return set_mode(to.fd(), status, to.path());
}

}  // namespace ctr::engine

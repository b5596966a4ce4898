// Deletes trees with a fixed number of descriptors: a directory that is not empty is renamed up to the top of its trash
// entry and emptied there, so that neither depth nor path length matters.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "base/random.h"
#include "storage/root.h"
#include "storage/trash.h"

namespace ctr::storage {
namespace {

enum class Outcome { removed, needs_id_map, limit_reached };

class Remover {
 public:
  Remover(const ReclaimLimits& limits, const CancelToken& cancel, Reclaimed& done)
      : limits_(limits), cancel_(cancel), done_(done) {}

  // Removes the directory `name` of `trash`.
  Result<Outcome> remove_entry(const Dir& trash, const std::string& name) {
    auto top = open_writable(trash, name);
    if (!top) return denied_or(top);
    bool needs_map = false;
    while (true) {
      auto names = TRY(top->list());
      if (names.empty()) break;
      bool progress = false;
      for (const auto& child : names) {
        TRY(cancel_.check());
        if (limits_.files != 0 && done_.files >= limits_.files) return Outcome::limit_reached;
        auto outcome = TRY(remove_child(*top, child));
        (outcome == Outcome::removed ? progress : needs_map) = true;
      }
      if (!progress) break;
    }
    if (::unlinkat(trash.fd(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return Outcome::removed;
    if (needs_map || errno == ENOTEMPTY) return Outcome::needs_id_map;
    return Error::from_errno("remove '" + trash.path() + "/" + name + "'");
  }

 private:
  // What another process may be able to remove: one with other ids, or one that does not see a mount there.
  static bool is_denied(int sys) { return sys == EACCES || sys == EPERM || sys == EXDEV || sys == EBUSY; }

  template <typename T>
  static Result<Outcome> denied_or(Result<T>& failed) {
    if (failed.error().sys() == ENOENT) return Outcome::removed;
    if (is_denied(failed.error().sys())) return Outcome::needs_id_map;
    return std::move(failed).error();
  }

  // Never into what is mounted there: `ctr volume mount` shows directories of the host. EXDEV then.
  static Result<Dir> open_here(const Dir& parent, const std::string& name) {
    struct open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV;
    Fd fd(static_cast<int>(::syscall(SYS_openat2, parent.fd(), name.c_str(), &how, sizeof how)));
    if (!fd.valid()) return Error::from_errno("open '" + parent.path() + "/" + name + "'");
    return Dir(std::move(fd), parent.path() + "/" + name);
  }

  // Images hold directories without permission bits even for their owner.
  static Result<Dir> open_writable(const Dir& parent, const std::string& name) {
    auto dir = open_here(parent, name);
    if (!dir && dir.error().sys() == EACCES && ::fchmodat(parent.fd(), name.c_str(), 0700, 0) == 0) {
      dir = open_here(parent, name);
    }
    if (!dir) return dir;
    struct stat info{};
    if (::fstat(dir->fd(), &info) == 0 && (info.st_mode & 0700) != 0700) (void)::fchmod(dir->fd(), 0700);
    return dir;
  }

  // Removes a file or empties one directory level; directories below it move up into `top`.
  Result<Outcome> remove_child(const Dir& top, const std::string& name) {
    if (::unlinkat(top.fd(), name.c_str(), 0) == 0 || errno == ENOENT) return counted();
    if (errno != EISDIR) return refused("remove", top, name);
    if (::unlinkat(top.fd(), name.c_str(), AT_REMOVEDIR) == 0) return counted();
    auto dir = open_writable(top, name);
    if (!dir) return denied_or(dir);
    bool needs_map = false;
    for (const auto& child : TRY(dir->list())) {
      TRY(cancel_.check());
      if (TRY(remove_grandchild(top, *dir, child)) != Outcome::removed) needs_map = true;
    }
    if (::unlinkat(top.fd(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return counted();
    return needs_map ? Result<Outcome>(Outcome::needs_id_map) : refused("remove", top, name);
  }

  Result<Outcome> remove_grandchild(const Dir& top, const Dir& dir, const std::string& name) {
    if (::unlinkat(dir.fd(), name.c_str(), 0) == 0 || errno == ENOENT) return counted();
    if (errno != EISDIR) return refused("remove", dir, name);
    if (::unlinkat(dir.fd(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return counted();
    if (errno != ENOTEMPTY && errno != EEXIST) return refused("remove", dir, name);
    // Moving a directory changes its "..", for which the kernel wants write permission on it.
    std::string up = random_hex(16);
    if (::renameat(dir.fd(), name.c_str(), top.fd(), up.c_str()) == 0) return Outcome::removed;
    if (errno == EACCES && ::fchmodat(dir.fd(), name.c_str(), 0700, 0) == 0 &&
        ::renameat(dir.fd(), name.c_str(), top.fd(), up.c_str()) == 0) {
      return Outcome::removed;
    }
    return refused("move", dir, name);
  }

  Outcome counted() {
    ++done_.files;
    return Outcome::removed;
  }

  static Result<Outcome> refused(const char* verb, const Dir& dir, const std::string& name) {
    if (is_denied(errno)) return Outcome::needs_id_map;
    return Error::from_errno(std::string(verb) + " '" + dir.path() + "/" + name + "'");
  }

  const ReclaimLimits& limits_;
  const CancelToken& cancel_;
  Reclaimed& done_;
};

// Removes one entry of the trash, file or directory.
Result<void> reclaim_entry(const Dir& trash, const std::string& name, Remover& remover, Reclaimed& done) {
  if (::unlinkat(trash.fd(), name.c_str(), 0) == 0) {
    ++done.entries;
    ++done.files;
    return ok();
  }
  if (errno == ENOENT) return ok();
  if (errno != EISDIR) return Error::from_errno("remove '" + trash.path() + "/" + name + "'");
  // One process works on an entry. A directory that we may not even open has no lock to ask.
  auto dir = trash.open_dir(name);
  if (dir && !TRY(try_flock(dir->fd(), LockMode::exclusive, "'" + dir->path() + "'"))) {
    ++done.left;
    return ok();
  }
  switch (TRY(remover.remove_entry(trash, name))) {
    case Outcome::removed:
      ++done.entries;
      break;
    case Outcome::needs_id_map:
      ++done.needs_id_map;
      break;
    case Outcome::limit_reached:
      ++done.left;
      break;
  }
  return ok();
}

}  // namespace

Result<Reclaimed> reclaim_trash(const Dir& trash, const ReclaimLimits& limits, const CancelToken& cancel) {
  Reclaimed done;
  Remover remover(limits, cancel, done);
  for (const auto& name : TRY(trash.list())) {
    if (name.front() == '.') continue;  // the reserve file
    if (limits.files != 0 && done.files >= limits.files) {
      ++done.left;
      continue;
    }
    TRY(reclaim_entry(trash, name, remover, done));
  }
  return done;
}

}  // namespace ctr::storage

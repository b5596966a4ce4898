#include "runtime/own_binary.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace ctr::runtime {
namespace {

// MFD_EXEC of memfd_create(2), since Linux 6.3: without it vm.memfd_noexec=1 denies a mode with execution.
constexpr unsigned k_executable = 0x10;
constexpr int k_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// Detached: no path leads to the mount, so that nobody remounts it. Needs CAP_SYS_ADMIN.
Result<Fd> clone_read_only(const std::string& path) {
  Fd tree(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!tree.valid()) return Error::from_errno("clone the mount of '" + path + "'");
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
    return Error::from_errno("make the mount of '" + path + "' read-only");
  }
  return tree;
}

Result<Fd> copy_sealed(const std::string& path) {
  const Fd from = TRY(open_path(path, O_RDONLY));
  struct stat status{};
  if (::fstat(from.get(), &status) < 0) return Error::from_errno("look at '" + path + "'");
  Fd to(::memfd_create("ctr", MFD_CLOEXEC | MFD_ALLOW_SEALING | k_executable));
  if (!to.valid() && errno == EINVAL) to = Fd(::memfd_create("ctr", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!to.valid()) return Error::from_errno("create a memory file");
  for (off_t left = status.st_size; left > 0;) {
    const ssize_t size = ::sendfile(to.get(), from.get(), nullptr, static_cast<size_t>(left));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return Error::from_errno("copy '" + path + "' to memory");
    left -= size;
  }
  if (::fchmod(to.get(), 0555) < 0 || ::fcntl(to.get(), F_ADD_SEALS, k_seals) < 0) {
    return Error::from_errno("seal a memory file");
  }
  return to;
}

bool owns(const std::vector<IdRange>& ranges, uint32_t id) {
  for (const IdRange& range : ranges) {
    if (id >= range.outside && id - range.outside < range.size) return true;
  }
  return false;
}

}  // namespace

bool may_overwrite(const struct stat& file, const RuntimeSpec& spec, const HostFacts& host) {
  const IdMap& ids = spec.linux_config.ids;
  if (spec.find_namespace(NamespaceType::user) == nullptr) return host.privileged();
  // A namespace that is joined may map anything.
  if (ids.empty() || (file.st_mode & S_IWOTH) != 0 || owns(ids.uids, file.st_uid)) return true;
  return (file.st_mode & S_IWGRP) != 0 && owns(ids.gids, file.st_gid);
}

Result<Fd> open_protected_program(const std::string& path) {
  auto view = clone_read_only(path);
  return view ? std::move(view) : copy_sealed(path);
}

Error execute_protected(const Fd& program, char* const* argv, char* const* envp) {
  ::execveat(program.get(), "", argv, envp, AT_EMPTY_PATH);
  return Error::from_errno("execute a protected copy of this program");
}

bool runs_protected() {
  const auto own = open_path("/proc/self/exe", O_RDONLY);
  if (!own) return false;
  struct statvfs system{};
  if (::fstatvfs(own->get(), &system) == 0 && (system.f_flag & ST_RDONLY) != 0) return true;
  const int seals = ::fcntl(own->get(), F_GET_SEALS);
  return seals >= 0 && (seals & k_seals) == k_seals;
}

}  // namespace ctr::runtime

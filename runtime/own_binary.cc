#include "runtime/own_binary.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/own_binary_variable.h"

namespace ctr::runtime {
namespace {

// MFD_EXEC of memfd_create(2), since Linux 6.3: without it vm.memfd_noexec=1 denies a mode with execution.
constexpr unsigned k_executable = 0x10;
constexpr const char* k_own_link = "/proc/self/exe";
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

bool runs_protected() {
  const auto own = open_path(k_own_link, O_RDONLY);
  if (!own) return false;
  struct statvfs system{};
  if (::fstatvfs(own->get(), &system) == 0 && (system.f_flag & ST_RDONLY) != 0) return true;
  const int seals = ::fcntl(own->get(), F_GET_SEALS);
  return seals >= 0 && (seals & k_seals) == k_seals;
}

Result<Fd> open_protected_program() {
  auto view = clone_read_only(k_own_link);
  return view ? std::move(view) : copy_sealed(k_own_link);
}

// The path that a process before this one left; empty: there was none.
std::string& path_taken_over() {
  static std::string path;
  return path;
}

}  // namespace

void take_over_program() {
  const char* value = ::getenv(k_own_binary_variable);
  if (value == nullptr) return;
  path_taken_over() = value;
  ::unsetenv(k_own_binary_variable);
}

Result<std::string> installed_program() {
  if (!path_taken_over().empty()) return path_taken_over();
  std::string path(4096, '\0');  // PATH_MAX, Linux
  const ssize_t length = ::readlink(k_own_link, path.data(), path.size());
  if (length < 0) return Error::from_errno("read '/proc/self/exe'");
  path.resize(static_cast<size_t>(length));
  return path;
}

Result<bool> may_overwrite(const RuntimeSpec& spec, const HostFacts& host) {
  if (spec.find_namespace(NamespaceType::user) == nullptr) return host.privileged();
  struct stat file{};
  if (::stat(k_own_link, &file) < 0) return Error::from_errno("look at the own program");
  const IdMap& ids = spec.linux_config.ids;
  // A namespace that is joined may map anything.
  if (ids.empty() || (file.st_mode & S_IWOTH) != 0 || owns(ids.uids, file.st_uid)) return true;
  return (file.st_mode & S_IWGRP) != 0 && owns(ids.gids, file.st_gid);
}

Result<void> run_protected() {
  if (runs_protected()) return ok();
  // Executing ourselves once more must not repeat for ever.
  if (!path_taken_over().empty()) {
    return Error(Errc::internal, "a container could overwrite this program, and a protected copy does not run");
  }
  const Fd program = TRY(open_protected_program().context("protect this program from the container"));
  std::string words = TRY(read_kernel_file("/proc/self/cmdline"));
  std::vector<char*> argv;
  for (size_t at = 0; at < words.size(); at += std::strlen(words.data() + at) + 1) argv.push_back(words.data() + at);
  argv.push_back(nullptr);
  if (::setenv(k_own_binary_variable, TRY(installed_program()).c_str(), 1) < 0)
    return Error::from_errno("set a variable");
  ::execveat(program.get(), "", argv.data(), environ, AT_EMPTY_PATH);
  return Error::from_errno("execute a protected copy of this program");
}

}  // namespace ctr::runtime

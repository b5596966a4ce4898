#include "storage/confine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

namespace ctr::storage {
namespace {

// Address space: libraries (about 40 MiB), a zstd window (128 MiB) and buffers, with room for a fragmented heap.
constexpr rlim_t k_address_space_bytes = rlim_t{768} << 20;
// Heap and anonymous maps: what an archive can make us allocate.
constexpr rlim_t k_data_bytes = rlim_t{192} << 20;

// What changing owners, modes, attributes and whiteouts of files of any mapped owner needs.
constexpr uint64_t k_file_capabilities = uint64_t{1} << CAP_CHOWN | uint64_t{1} << CAP_DAC_OVERRIDE |
                                         uint64_t{1} << CAP_FOWNER | uint64_t{1} << CAP_FSETID |
                                         uint64_t{1} << CAP_MKNOD | uint64_t{1} << CAP_SETFCAP;

constexpr uint64_t k_read_only = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool k_limit_memory = false;  // the sanitizer maps terabytes
#else
constexpr bool k_limit_memory = true;
#endif

Result<void> limit(__rlimit_resource resource, rlim_t value, const char* what) {
  struct rlimit both{value, value};
  if (::setrlimit(resource, &both) < 0) return Error::from_errno(what);
  return ok();
}

// Goes to the directory behind `fd` by its path: the descriptor may come from another mount namespace, whose mounts
// cannot be cloned here. The path is checked to lead to the same directory.
Result<void> enter_by_path(int fd) {
  std::string path(PATH_MAX, '\0');
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  if (length < 0) return Error::from_errno("find the path of the directory");
  path.resize(static_cast<size_t>(length));
  if (::chdir(path.c_str()) < 0) return Error::from_errno("enter the directory");
  struct stat wanted{};
  struct stat here{};
  if (::fstat(fd, &wanted) < 0 || ::stat(".", &here) < 0) return Error::from_errno("stat the directory");
  if (wanted.st_dev != here.st_dev || wanted.st_ino != here.st_ino) {
    return Error(Errc::bad_state, "the directory was replaced while a worker entered it");
  }
  return ok();
}

// Makes the mount `tree` the root and lets go of the old one.
Result<void> become_root(int tree) {
  if (::fchdir(tree) < 0) return Error::from_errno("enter the new root");
  if (::syscall(SYS_pivot_root, ".", ".") < 0) return Error::from_errno("make the new root");
  if (::umount2(".", MNT_DETACH) < 0) return Error::from_errno("let go of the old root");
  if (::chdir("/") < 0) return Error::from_errno("enter the new root");
  return ok();
}

// Makes the target the root of a mount namespace of our own and lets go of everything else.
//
// The working directory is moved along by unshare(2), while descriptors stay in the namespace they were opened in; so
// the target is entered first and opened again afterwards.
//
// `recursive`: AT_RECURSIVE with the mounts below the target, else 0.
Result<void> enter_target(int target_fd, uint64_t attributes, unsigned recursive) {
  TRY(enter_by_path(target_fd));
  if (::unshare(CLONE_NEWNS) < 0) return Error::from_errno("make a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return Error::from_errno("make mounts private");
  Fd tree(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive)));
  if (!tree.valid()) return Error::from_errno("clone the mount of the directory");
  struct mount_attr wanted{.attr_set = attributes, .attr_clr = 0, .propagation = 0, .userns_fd = 0};
  if (attributes != 0 &&
      ::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH | recursive, &wanted, sizeof wanted) < 0) {
    return Error::from_errno("set the attributes of the directory's mount");
  }
  if (::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0) {
    return Error::from_errno("mount the directory");
  }
  return become_root(tree.get());
}

// An empty file system in memory as the root.
Result<void> enter_nothing() {
  if (::unshare(CLONE_NEWNS) < 0) return Error::from_errno("make a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return Error::from_errno("make mounts private");
  Fd context(static_cast<int>(::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  if (!context.valid()) return Error::from_errno("open tmpfs");
  if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    return Error::from_errno("make an empty root");
  }
  constexpr unsigned attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  Fd tree(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, attributes)));
  if (!tree.valid()) return Error::from_errno("mount an empty root");
  if (::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0) {
    return Error::from_errno("mount an empty root");
  }
  return become_root(tree.get());
}

Result<void> drop_capabilities(uint64_t kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) < 0) return Error::from_errno("read the capabilities");
  for (unsigned half = 0; half < 2; ++half) {
    auto mask = static_cast<uint32_t>(kept >> (32 * half));
    data[half].effective &= mask;
    data[half].permitted &= mask;
    data[half].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, data) < 0) return Error::from_errno("drop capabilities");
  return ok();
}

bool may_mount() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  return ::syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1U << CAP_SYS_ADMIN)) != 0;
}

Result<void> finish_confinement(uint64_t kept_capabilities, const LoadFilter& load_filter) {
  TRY(drop_capabilities(kept_capabilities));
  if (k_limit_memory) {
    TRY(limit(RLIMIT_AS, k_address_space_bytes, "limit the address space"));
    TRY(limit(RLIMIT_DATA, k_data_bytes, "limit the memory"));
  }
  return load_filter ? load_filter() : ok();
}

Result<Fd> duplicate(int fd) {
  Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) return Error::from_errno("duplicate the directory");
  return copy;
}

Result<Dir> confine(int directory_fd, uint64_t attributes, unsigned recursive, const LoadFilter& load_filter) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Error::from_errno("set no_new_privs");
  Fd copy;
  if (may_mount()) {
    TRY(enter_target(directory_fd, attributes, recursive));
    copy = TRY(open_path("/", O_RDONLY | O_DIRECTORY));
  } else {
    copy = TRY(duplicate(directory_fd));
  }
  TRY(finish_confinement(k_file_capabilities, load_filter));
  return Dir(std::move(copy), "layer");
}

}  // namespace

Result<Dir> confine_to(int directory_fd, const LoadFilter& load_filter) {
  return confine(directory_fd, 0, 0, load_filter);
}

Result<Dir> confine_to_reading(int directory_fd, const LoadFilter& load_filter) {
  return confine(directory_fd, k_read_only, 0, load_filter);
}

Result<Dir> confine_to_mounts(int directory_fd, Writing writing, const LoadFilter& load_filter) {
  return confine(directory_fd, writing == Writing::yes ? 0 : k_read_only, AT_RECURSIVE, load_filter);
}

Result<Dir> confine_beside(int directory_fd, const LoadFilter& load_filter) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Error::from_errno("set no_new_privs");
  Fd copy = TRY(duplicate(directory_fd));
  if (may_mount()) TRY(enter_nothing());
  TRY(finish_confinement(k_file_capabilities, load_filter));
  return Dir(std::move(copy), "container");
}

Result<void> confine_to_nothing(const LoadFilter& load_filter) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Error::from_errno("set no_new_privs");
  if (may_mount()) TRY(enter_nothing());
  return finish_confinement(0, load_filter);
}

}  // namespace ctr::storage

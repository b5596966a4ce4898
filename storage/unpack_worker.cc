// The worker process: confinement, then unpack_layer().
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <new>

#include "storage/unpack.h"

namespace ctr::storage {
namespace {

// Address space: libraries (about 40 MiB), a zstd window (128 MiB) and buffers, with room for a fragmented heap.
constexpr rlim_t k_address_space_bytes = rlim_t{768} << 20;
// Heap and anonymous maps: what an archive can make us allocate.
constexpr rlim_t k_data_bytes = rlim_t{192} << 20;

// What changing owners, modes, attributes and whiteouts of files of any mapped owner needs.
constexpr int k_kept_capabilities[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SETFCAP};

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
  if (length < 0) return Error::from_errno("find the path of the layer directory");
  path.resize(static_cast<size_t>(length));
  if (::chdir(path.c_str()) < 0) return Error::from_errno("enter the layer directory");
  struct stat wanted{};
  struct stat here{};
  if (::fstat(fd, &wanted) < 0 || ::stat(".", &here) < 0) return Error::from_errno("stat the layer directory");
  if (wanted.st_dev != here.st_dev || wanted.st_ino != here.st_ino) {
    return Error(Errc::bad_state, "the layer directory was replaced while a worker entered it");
  }
  return ok();
}

// Makes the target the root of a mount namespace of our own and lets go of everything else.
//
// The working directory is moved along by unshare(2), while descriptors stay in the namespace they were opened in; so
// the target is entered first and opened again afterwards.
Result<void> enter_target(int target_fd) {
  TRY(enter_by_path(target_fd));
  if (::unshare(CLONE_NEWNS) < 0) return Error::from_errno("make a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return Error::from_errno("make mounts private");
  int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  Fd tree(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, ".", flags)));
  if (!tree.valid()) return Error::from_errno("clone the mount of the layer directory");
  if (::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0) {
    return Error::from_errno("mount the layer directory");
  }
  if (::fchdir(tree.get()) < 0) return Error::from_errno("enter the layer directory");
  if (::syscall(SYS_pivot_root, ".", ".") < 0) return Error::from_errno("make the layer directory the root");
  if (::umount2(".", MNT_DETACH) < 0) return Error::from_errno("let go of the old root");
  if (::chdir("/") < 0) return Error::from_errno("enter the new root");
  return ok();
}

Result<void> drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) < 0) return Error::from_errno("read the capabilities");
  uint64_t kept = 0;
  for (int capability : k_kept_capabilities) kept |= uint64_t{1} << capability;
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

Result<UnpackedLayer> unpack_confined(const UnpackRequest& request, const std::function<Result<void>()>& confine) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Error::from_errno("set no_new_privs");
  Fd copy;
  if (may_mount()) {
    TRY(enter_target(request.target_fd));
    copy = TRY(open_path("/", O_RDONLY | O_DIRECTORY));
  } else {
    copy = Fd(::fcntl(request.target_fd, F_DUPFD_CLOEXEC, 3));
    if (!copy.valid()) return Error::from_errno("duplicate the layer directory");
  }
  Dir target(std::move(copy), "layer");
  TRY(drop_capabilities());
  if (k_limit_memory) {
    TRY(limit(RLIMIT_AS, k_address_space_bytes, "limit the address space"));
    TRY(limit(RLIMIT_DATA, k_data_bytes, "limit the memory"));
  }
  if (confine) TRY(confine());
  if (request.count_fd < 0) {
    FileSource source(request.blob_fd);
    return unpack_layer(source, target, request.options);
  }
  GrowingSource source(request.blob_fd, request.count_fd);
  return unpack_layer(source, target, request.options);
}

// The boundary where the one exception that our own code can meet becomes an Error.
Result<UnpackedLayer> unpack_bounded(const UnpackRequest& request, const std::function<Result<void>()>& confine) {
  try {
    return unpack_confined(request, confine);
  } catch (const std::bad_alloc&) {
    return Error(Errc::invalid, "the layer needs more memory than unpacking may use");
  }
}

}  // namespace

int run_unpack_worker(const UnpackRequest& request, const std::function<Result<void>()>& confine) {
  // Nobody reads the answer of an orphan.
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  (void)::signal(SIGPIPE, SIG_IGN);
  auto answer = unpack_bounded(request, confine);
  bool is_unpacked = static_cast<bool>(answer);
  bool is_told = static_cast<bool>(write_all(request.answer_fd, dump_json(to_json(answer)), "the answer"));
  return is_unpacked && is_told ? 0 : 1;
}

}  // namespace ctr::storage

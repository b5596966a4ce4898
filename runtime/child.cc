// The interpreter between clone3 and execve.
//
// It runs in a copy of a process whose locks, allocator and streams are in an unknown state, and in parts inside the
// container. So: no allocation, no locks, no stdio, no library but the calls in child.allow; data only, made before the
// clone. On failure it writes which step failed and why, and ends.
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "runtime/child_copy.h"
#include "runtime/child_ops.h"
#include "runtime/child_sys.h"
#include "runtime/child_target.h"

namespace ctr::runtime {
namespace child {
namespace {

struct Interpreter {
  const ChildImage& image;
  ChildReport report;

  int fd(int number) const { return number < 0 ? -1 : image.registers[number]; }
  const char* text(uint32_t offset) const { return image.arena + offset; }
};

[[noreturn]] void end_process(int code) {
  for (;;) syscall(SYS_exit_group, code);
}

// ---- talking to the launcher

// A message on the hand socket: a tag and a value, with descriptors.
int send_message(int socket, uint64_t tag, uint64_t value, const int* fds, size_t count) {
  uint64_t body[2] = {tag, value};
  iovec part{.iov_base = body, .iov_len = sizeof body};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 4)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    auto* numbers = reinterpret_cast<int*>(CMSG_DATA(header));
    for (size_t i = 0; i < count; ++i) numbers[i] = fds[i];
  }
  const int sent = call(SYS_sendmsg, socket, &message, MSG_NOSIGNAL);
  return sent < 0 ? sent : 0;
}

// The value has bit i set when the i-th register of the range was sent.
int op_send_fds(const Interpreter& vm, const ChildOp& op) {
  int fds[4];
  size_t count = 0;
  uint64_t present = 0;
  for (uint64_t i = 0; i < op.x && i < 4; ++i) {
    const int fd = vm.fd(op.a + static_cast<int>(i));
    if (fd < 0) continue;
    fds[count++] = fd;
    present |= uint64_t{1} << i;
  }
  return send_message(vm.fd(k_register_hand), op.y, present, fds, count);
}

int wait_byte(int pipe) {
  char byte = 0;
  int size = 0;
  do size = call(SYS_read, pipe, &byte, 1);
  while (size == -EINTR);
  if (size == 0) end_process(0);
  return size < 0 ? size : 0;
}

void report(Interpreter& vm, uint32_t step, int error) {
  vm.report.step = step;
  vm.report.error = error;
  call(SYS_write, vm.fd(k_register_report), &vm.report, sizeof vm.report);
}

// ---- the process

int op_limit_bounding_set(const ChildOp& op) {
  for (unsigned capability = 0; capability < 64; ++capability) {
    if ((op.x >> capability & 1U) != 0) continue;
    const int result = call(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (result == -EINVAL) return 0;  // past the kernel's last capability
    if (result < 0) return result;
  }
  return 0;
}

int op_set_capabilities(const ChildOp& op) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  for (unsigned half = 0; half < 2; ++half) {
    data[half].effective = static_cast<uint32_t>(op.x >> (32 * half));
    data[half].permitted = static_cast<uint32_t>(op.y >> (32 * half));
    data[half].inheritable = static_cast<uint32_t>(op.z >> (32 * half));
  }
  return call(SYS_capset, &header, data);
}

int op_raise_ambient(const ChildOp& op) {
  for (unsigned capability = 0; capability < 64; ++capability) {
    if ((op.x >> capability & 1U) == 0) continue;
    const int result = call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
    if (result < 0) return result;
  }
  return 0;
}

int op_load_filter(const Interpreter& vm, const ChildOp& op) {
  sock_fprog program{};
  program.len = static_cast<unsigned short>(op.x);
  program.filter = const_cast<sock_filter*>(reinterpret_cast<const sock_filter*>(vm.text(op.text)));
  return call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, op.y, &program);
}

int op_new_session_keyring() {
  const int result = call(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
  return result < 0 && result != -ENOSYS ? result : 0;
}

// As the kernel's rt_sigaction(2) takes it; zero is SIG_DFL.
struct KernelSigaction {
  uint64_t handler, flags, restorer, mask;
};

int op_reset_signals() {
  const KernelSigaction action{};
  // SIGKILL and SIGSTOP cannot be set (EINVAL) and need not be.
  for (int number = 1; number <= 64; ++number) call(SYS_rt_sigaction, number, &action, nullptr, sizeof action.mask);
  const uint64_t none = 0;
  return call(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

int op_set_rlimit(const ChildOp& op) {
  const uint64_t limits[2] = {op.y, op.z};
  return call(SYS_prlimit64, 0, op.x, limits, nullptr);
}

int op_loopback_up() {
  const int socket = call(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return socket == -EAFNOSUPPORT ? 0 : socket;
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  int result = call(SYS_ioctl, socket, SIOCGIFFLAGS, &request);
  if (result == 0) {
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    result = call(SYS_ioctl, socket, SIOCSIFFLAGS, &request);
  }
  sys_close(socket);
  return result;
}

// ---- a second clone: for a pid namespace that was joined, or a namespace nested in a joined or fresh one

int write_map(int pid, const char* file, const char* content) {
  Text<64> path;
  path.add("/proc/");
  path.add_number(static_cast<unsigned>(pid));
  path.add(file);
  const int fd = call(SYS_openat, AT_FDCWD, path.data(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return fd;
  const int written = call(SYS_write, fd, content, length_of(content));
  sys_close(fd);
  return written < 0 ? written : 0;
}

int op_clone_child(const Interpreter& vm, const ChildOp& op) {
  int gate[2];
  int result = call(SYS_pipe2, gate, O_CLOEXEC);
  if (result < 0) return result;
  int pidfd = -1;
  clone_args args{};
  args.flags = op.x | CLONE_PARENT | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  const int pid = call(SYS_clone3, &args, sizeof args);
  // The copy of the mount in the child's namespace is now the only one: its server ends with the container.
  if (pid != 0 && op.z != 0) call(SYS_umount2, vm.text(static_cast<uint32_t>(op.z - 1)), MNT_DETACH);
  if (pid < 0) return pid;
  if (pid == 0) {
    sys_close(gate[1]);
    wait_byte(gate[0]);
    return sys_close(gate[0]);
  }
  if (op.text != op.more) {
    result = write_map(pid, "/uid_map", vm.text(op.text));
    if (result == 0) result = write_map(pid, "/gid_map", vm.text(op.more));
  }
  if (result == 0) {
    result = send_message(vm.fd(k_register_hand), k_tag_pid, static_cast<uint64_t>(pid), &pidfd, 1);
  }
  if (result < 0) return result;
  const char byte = 'g';
  call(SYS_write, gate[1], &byte, 1);
  end_process(0);
}

[[noreturn]] void become_fuse_server(char** argv, int words) {
  call(SYS_dup3, words, 2, 0);
  // The launcher takes the end of the report pipe for success: the server must not hold it, nor anything else.
  call(SYS_close_range, 3U, k_last_fd, CLOSE_RANGE_CLOEXEC);
  char* no_environment[1] = {nullptr};
  call(SYS_execve, argv[0], argv, no_environment);
  end_process(127);
}

// Runs a FUSE server until it has mounted and put itself in the background. What it says goes into the report.
int op_start_fuse(Interpreter& vm, const ChildOp& op) {
  char* argv[8] = {};
  const char* word = vm.text(op.text);
  for (size_t i = 0; i + 1 < sizeof argv / sizeof *argv && *word != '\0'; ++i) {
    argv[i] = const_cast<char*>(word);
    word += length_of(word) + 1;
  }
  const int words = call(SYS_memfd_create, "words", MFD_CLOEXEC);
  if (words < 0) return words;
  clone_args args{};
  args.exit_signal = SIGCHLD;
  const int pid = call(SYS_clone3, &args, sizeof args);
  if (pid < 0) return pid;
  if (pid == 0) become_fuse_server(argv, words);
  int status = 0;
  int waited = 0;
  do waited = call(SYS_wait4, pid, &status, 0, nullptr);
  while (waited == -EINTR);
  if (waited < 0) return waited;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return sys_close(words);
  call(SYS_pread64, words, vm.report.words, sizeof vm.report.words - 1, 0);
  return -EIO;
}

// ---- files

int op_open_target(const Interpreter& vm, const ChildOp& op) {
  uint64_t kind = op.x & ~(k_target_no_symlinks | k_target_not_proc);
  if (kind == k_target_like_b) {
    struct stat status{};
    const int result = sys_fstat(vm.fd(static_cast<int>(op.z)), &status);
    if (result < 0) return result;
    kind = S_ISDIR(status.st_mode) ? k_target_directory : k_target_file;
  }
  uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  if ((op.x & k_target_no_symlinks) != 0) resolve |= RESOLVE_NO_SYMLINKS;
  const bool directory = kind == k_target_directory;
  const int fd = open_or_make_target(vm.fd(op.b), vm.text(op.text), directory, static_cast<unsigned>(op.y), resolve);
  if (fd < 0 || (op.x & k_target_not_proc) == 0) return fd;
  struct statfs system{};
  const int result = call(SYS_fstatfs, fd, &system);
  if (result == 0 && system.f_type != PROC_SUPER_MAGIC) return fd;
  sys_close(fd);
  return result < 0 ? result : -EXDEV;
}

int op_check_device(const Interpreter& vm, const ChildOp& op) {
  struct stat status{};
  const int result = sys_fstat(vm.fd(op.a), &status);
  if (result < 0) return result;
  return (status.st_mode & S_IFMT) == op.x && status.st_rdev == op.y ? 0 : -ENXIO;
}

// Only below a procfs mount of ours: no other mount and no link out can stand in for the file.
int op_write_file(const Interpreter& vm, const ChildOp& op) {
  struct statfs system{};
  int result = call(SYS_fstatfs, vm.fd(op.b), &system);
  if (result < 0) return result;
  if (system.f_type != PROC_SUPER_MAGIC) return -EXDEV;
  const int fd = sys_openat2(vm.fd(op.b), vm.text(op.text), O_WRONLY, 0,
                             RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
  if (fd < 0) return fd;
  const char* content = vm.text(op.more);
  result = call(SYS_write, fd, content, length_of(content));
  sys_close(fd);
  return result < 0 ? result : 0;
}

int op_make_node(const Interpreter& vm, const ChildOp& op) {
  const int dir = vm.fd(op.b);
  const char* path = vm.text(op.text);
  int result = call(SYS_mknodat, dir, path, op.x, op.y);
  if (result < 0) return result;
  result = call(SYS_fchownat, dir, path, static_cast<uint32_t>(op.z), static_cast<uint32_t>(op.z >> 32),
                AT_SYMLINK_NOFOLLOW);
  return result < 0 ? result : call(SYS_fchmodat, dir, path, op.x & 07777U);
}

// ---- mounts

// Layers are named by their descriptors relative to /proc/self/fd: a page of options holds more layers than overlayfs
// takes, and the mount table shows no path of the host.
int op_mount_overlay(const Interpreter& vm, const ChildOp& op) {
  Text<4096> options;
  options.add("lowerdir=");
  for (uint64_t i = 0; i < op.x; ++i) {
    if (i > 0) options.add_char(':');
    options.add_number(static_cast<unsigned>(vm.fd(op.a + static_cast<int>(i))));
  }
  if (op.b >= 0) {
    options.add(",upperdir=");
    options.add_number(static_cast<unsigned>(vm.fd(op.b)));
    options.add(",workdir=");
    options.add_number(static_cast<unsigned>(vm.fd(op.b + 1)));
  }
  options.add(vm.text(op.text));
  if (options.overflow()) return -E2BIG;
  int result = call(SYS_chdir, "/proc/self/fd");
  if (result < 0) return result;
  result = call(SYS_mount, "overlay", vm.text(op.more), "overlay", 0UL, options.data());
  const int back = call(SYS_chdir, "/");
  return result < 0 ? result : back;
}

int configure_mount(int context, char* option) {
  char* value = option;
  while (*value != '\0' && *value != '=') ++value;
  if (*value == '\0') return call(SYS_fsconfig, context, FSCONFIG_SET_FLAG, option, nullptr, 0);
  *value = '\0';
  const int result = call(SYS_fsconfig, context, FSCONFIG_SET_STRING, option, value + 1, 0);
  *value = '=';
  return result;
}

int op_make_mount(const Interpreter& vm, const ChildOp& op) {
  const int context = call(SYS_fsopen, vm.text(op.text), FSOPEN_CLOEXEC);
  if (context < 0) return context;
  int result = 0;
  // The arena is this process's own copy: splitting an option in place disturbs nobody.
  for (char* option = const_cast<char*>(vm.text(op.more)); result == 0 && *option != '\0';
       option += length_of(option) + 1) {
    result = configure_mount(context, option);
  }
  if (result == 0) result = call(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  if (result == 0) result = call(SYS_fsmount, context, FSMOUNT_CLOEXEC, op.x);
  sys_close(context);
  return result;
}

int clone_mount(int fd, uint64_t recursive) {
  return call(SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
}

int change_mount(int fd, uint64_t set, uint64_t clear, uint64_t propagation, uint64_t recursive) {
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  attributes.propagation = propagation;
  return call(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | recursive, &attributes, sizeof attributes);
}

int op_set_mount(const Interpreter& vm, const ChildOp& op) {
  const uint64_t propagation = static_cast<uint32_t>(op.z);
  const uint64_t recursive = op.z >> 32;
  const int result = change_mount(vm.fd(op.a), op.x, op.y, propagation, recursive);
  // Flags of a mount that came from a more privileged namespace are locked: they can be added to, not taken away
  // (mount_namespaces(7)). What was asked to be cleared stays, as with every other runtime.
  const uint64_t atime = (op.x & MOUNT_ATTR__ATIME) != 0 ? uint64_t{MOUNT_ATTR__ATIME} : 0;
  if (result != -EPERM || (op.y & ~atime) == 0) return result;
  return change_mount(vm.fd(op.a), op.x, op.y & atime, propagation, recursive);
}

int attach_mount(int mount, int target) {
  return call(SYS_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int op_copy_up(const Interpreter& vm, const ChildOp& op) {
  const int from = call(SYS_openat, vm.fd(op.b), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (from < 0) return from;
  const int to = call(SYS_openat, vm.fd(op.a), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int result = to;
  if (to >= 0) {
    result = copy_tree(from, to, 0);
    sys_close(to);
  }
  sys_close(from);
  return result;
}

// A path that is not there needs no cover.
bool is_absent(int error) { return error == -ENOENT || error == -ENOTDIR || error == -EACCES; }

int op_mask_path(const Interpreter& vm, const ChildOp& op) {
  const int target =
      sys_openat2(vm.fd(static_cast<int>(op.x)), vm.text(op.text), O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  if (target < 0) return is_absent(target) ? 0 : target;
  struct stat status{};
  int result = sys_fstat(target, &status);
  if (result == 0) {
    const int cover = vm.fd(S_ISDIR(status.st_mode) ? op.b : op.a);
    result = clone_mount(cover, 0);
    if (result >= 0) {
      const int mount = result;
      result = attach_mount(mount, target);
      sys_close(mount);
    } else if (result == -EINVAL) {
      // Before Linux 6.15 only attached mounts can be cloned: the first directory gets the cover itself.
      result = attach_mount(cover, target);
    }
  }
  sys_close(target);
  return result;
}

int op_readonly_path(const Interpreter& vm, const ChildOp& op) {
  const int target = sys_openat2(vm.fd(op.b), vm.text(op.text), O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  if (target < 0) return is_absent(target) ? 0 : target;
  const int mount = clone_mount(target, AT_RECURSIVE);
  int result = mount;
  if (mount >= 0) {
    result = change_mount(mount, MOUNT_ATTR_RDONLY, 0, 0, AT_RECURSIVE);
    if (result == 0) result = attach_mount(mount, target);
    sys_close(mount);
  }
  sys_close(target);
  return result;
}

// The old root is stacked under the new one at the same place and then taken away: no directory is needed for it
// (pivot_root(2), "pivot_root(".", ".")").
int op_pivot_root(const Interpreter& vm, const ChildOp& op) {
  int result = call(SYS_fchdir, vm.fd(op.a));
  if (result == 0) result = call(SYS_pivot_root, ".", ".");
  if (result == 0) result = call(SYS_umount2, ".", MNT_DETACH);
  if (result == 0) result = call(SYS_chdir, "/");
  return result;
}

// ---- the terminal

int open_ptmx(const Interpreter& vm, const ChildOp& op) {
  const bool in_root = op.b >= 0;
  const uint64_t resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | (in_root ? RESOLVE_IN_ROOT : 0);
  const int fd = sys_openat2(in_root ? vm.fd(op.b) : AT_FDCWD, in_root ? "dev/pts/ptmx" : "/dev/pts/ptmx",
                             O_RDWR | O_NOCTTY | O_NONBLOCK, 0, resolve);
  if (fd < 0) return fd;
  // What is at this path is the container's business: only the multiplexer of a devpts will do.
  struct statfs system{};
  struct stat status{};
  int result = call(SYS_fstatfs, fd, &system);
  if (result == 0) result = sys_fstat(fd, &status);
  if (result == 0 && (system.f_type != DEVPTS_SUPER_MAGIC || status.st_rdev != makedev(5, 2))) result = -ENXIO;
  if (result == 0) result = call(SYS_fcntl, fd, F_SETFL, O_RDWR);
  if (result == 0) return fd;
  sys_close(fd);
  return result;
}

int prepare_terminal(int terminal, const ChildOp& op) {
  int result = 0;
  if (op.x != 0) {
    winsize size{};
    size.ws_row = static_cast<unsigned short>(op.x >> 16);
    size.ws_col = static_cast<unsigned short>(op.x);
    result = call(SYS_ioctl, terminal, TIOCSWINSZ, &size);
  }
  // 0620 and the user's: what login programs do (tty(4), mesg(1)).
  if (result == 0) result = call(SYS_fchown, terminal, op.y, ~0U);
  if (result == 0) result = call(SYS_fchmod, terminal, 0620U);
  return result;
}

int op_open_console(const Interpreter& vm, const ChildOp& op) {
  const int master = open_ptmx(vm, op);
  if (master < 0) return master;
  int unlock = 0;
  int result = call(SYS_ioctl, master, TIOCSPTLCK, &unlock);
  if (result < 0) return result;
  // The peer by its master, never by a path: /dev/pts/0 may be anything (CVE-2025-52565).
  const int terminal = call(SYS_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return terminal;
  result = prepare_terminal(terminal, op);
  vm.image.registers[op.a] = master;
  vm.image.registers[op.a + 1] = terminal;
  return result;
}

// ---- the end

int op_change_dir(const Interpreter& vm, const ChildOp& op) {
  int result = call(SYS_fchdir, vm.fd(op.a));
  if (result < 0) return result;
  // A directory outside of the root has no name in here: "(unreachable)/…" (getcwd(2), CVE-2024-21626).
  char where[4096];
  result = call(SYS_getcwd, where, sizeof where);
  if (result < 0) return result == -ERANGE ? 0 : result;
  return where[0] == '/' ? 0 : -EXDEV;
}

int op_move_fd(const Interpreter& vm, const ChildOp& op) {
  const int from = vm.fd(op.a);
  const int to = static_cast<int>(op.x);
  const int result = from == to ? call(SYS_fcntl, to, F_SETFD, 0) : call(SYS_dup3, from, to, 0);
  return result < 0 ? result : 0;
}

int op_execute(Interpreter& vm, const ChildOp& op) {
  int worst = -ENOENT;
  for (const char* path = vm.text(op.text); *path != '\0'; path += length_of(path) + 1) {
    const int result = call(SYS_execve, path, vm.image.argv, vm.image.envp);
    struct stat status{};
    const bool exists = call(SYS_newfstatat, AT_FDCWD, path, &status, 0) == 0;
    if (result == -ENOENT || result == -ENOTDIR) {
      if (!exists) continue;
      vm.report.detail = ChildReport::k_interpreter_missing;
      return result;
    }
    if (exists && S_ISDIR(status.st_mode)) vm.report.detail = ChildReport::k_is_directory;
    // As execvp(3): a file that may not be executed is remembered, and the search goes on.
    if (result != -EACCES) return result;
    worst = -EACCES;
  }
  return worst;
}

// ---- dispatch

int store(const Interpreter& vm, int number, int result) {
  if (result < 0) return result;
  vm.image.registers[number] = result;
  return 0;
}

int run_protocol_op(Interpreter& vm, const ChildOp& op) {
  switch (op.kind) {
    case ChildOpKind::send_fds:
      return op_send_fds(vm, op);
    case ChildOpKind::wait_go:
      return wait_byte(vm.fd(k_register_go));
    case ChildOpKind::report_ready:
      return report(vm, ChildReport::k_ready, 0), 0;
    case ChildOpKind::clone_child:
      return op_clone_child(vm, op);
    case ChildOpKind::start_fuse:
      return op_start_fuse(vm, op);
    case ChildOpKind::finish:
      end_process(0);
    default:
      return -ENOSYS;
  }
}

int run_process_op(Interpreter& vm, const ChildOp& op) {
  switch (op.kind) {
    case ChildOpKind::set_parent_death_signal:
      return call(SYS_prctl, PR_SET_PDEATHSIG, op.x, 0, 0, 0);
    case ChildOpKind::set_dumpable:
      return call(SYS_prctl, PR_SET_DUMPABLE, op.x, 0, 0, 0);
    case ChildOpKind::reset_signals:
      return op_reset_signals();
    case ChildOpKind::set_session:
      return call(SYS_setsid) < 0 ? -EPERM : 0;
    case ChildOpKind::new_session_keyring:
      return op_new_session_keyring();
    case ChildOpKind::set_user:
      return call(SYS_setresuid, op.x, op.x, op.x);
    case ChildOpKind::set_group:
      return call(SYS_setresgid, op.x, op.x, op.x);
    case ChildOpKind::set_groups:
      return call(SYS_setgroups, op.x, vm.text(op.text));
    case ChildOpKind::keep_capabilities:
      return call(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
    case ChildOpKind::limit_bounding_set:
      return op_limit_bounding_set(op);
    case ChildOpKind::set_capabilities:
      return op_set_capabilities(op);
    case ChildOpKind::raise_ambient:
      return op_raise_ambient(op);
    case ChildOpKind::no_new_privileges:
      return call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    case ChildOpKind::load_filter:
      return op_load_filter(vm, op);
    case ChildOpKind::set_rlimit:
      return op_set_rlimit(op);
    case ChildOpKind::set_umask:
      return call(SYS_umask, op.x), 0;
    case ChildOpKind::set_hostname:
      return call(SYS_sethostname, vm.text(op.text), length_of(vm.text(op.text)));
    case ChildOpKind::set_domainname:
      return call(SYS_setdomainname, vm.text(op.text), length_of(vm.text(op.text)));
    case ChildOpKind::unshare:
      return call(SYS_unshare, op.x);
    case ChildOpKind::set_namespace:
      return call(SYS_setns, vm.fd(op.a), op.x);
    case ChildOpKind::loopback_up:
      return op_loopback_up();
    case ChildOpKind::open_netlink:
      return store(vm, op.a, call(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    default:
      return run_protocol_op(vm, op);
  }
}

int ignore(int result, int error) { return result == error ? 0 : result; }

int run_file_op(Interpreter& vm, const ChildOp& op) {
  const char* text = vm.text(op.text);
  switch (op.kind) {
    case ChildOpKind::open_path:
      return store(vm, op.a, call(SYS_openat, AT_FDCWD, text, op.x | O_CLOEXEC, op.y));
    case ChildOpKind::open_in_root:
      return store(vm, op.a, sys_openat2(vm.fd(op.b), text, op.x, op.y, op.z));
    case ChildOpKind::open_target:
      return store(vm, op.a, op_open_target(vm, op));
    case ChildOpKind::close_fd:
      return sys_close(vm.fd(op.a));
    case ChildOpKind::check_device:
      return op_check_device(vm, op);
    case ChildOpKind::write_file:
      return op_write_file(vm, op);
    case ChildOpKind::make_symlink:
      return ignore(call(SYS_symlinkat, text, vm.fd(op.b), vm.text(op.more)), -EEXIST);
    case ChildOpKind::make_dir:
      return ignore(call(SYS_mkdirat, vm.fd(op.b), text, op.x), -EEXIST);
    case ChildOpKind::make_node:
      return op_make_node(vm, op);
    case ChildOpKind::remove_dir:
      return ignore(call(SYS_unlinkat, vm.fd(op.b), text, AT_REMOVEDIR), -ENOENT);
    default:
      return run_process_op(vm, op);
  }
}

int run_op(Interpreter& vm, const ChildOp& op) {
  switch (op.kind) {
    case ChildOpKind::set_propagation:
      return call(SYS_mount, nullptr, "/", nullptr, op.x, nullptr);
    case ChildOpKind::mount_overlay:
      return op_mount_overlay(vm, op);
    case ChildOpKind::make_mount:
      return store(vm, op.a, op_make_mount(vm, op));
    case ChildOpKind::clone_tree:
      return store(vm, op.a, clone_mount(vm.fd(op.b), op.x));
    case ChildOpKind::set_mount:
      return op_set_mount(vm, op);
    case ChildOpKind::attach_mount:
      return attach_mount(vm.fd(op.a), vm.fd(op.b));
    case ChildOpKind::copy_up:
      return op_copy_up(vm, op);
    case ChildOpKind::mask_path:
      return op_mask_path(vm, op);
    case ChildOpKind::readonly_path:
      return op_readonly_path(vm, op);
    case ChildOpKind::pivot_root:
      return op_pivot_root(vm, op);
    case ChildOpKind::open_console:
      return op_open_console(vm, op);
    case ChildOpKind::set_console:
      return call(SYS_ioctl, 0, TIOCSCTTY, 0);
    case ChildOpKind::change_dir:
      return op_change_dir(vm, op);
    case ChildOpKind::move_fd:
      return op_move_fd(vm, op);
    case ChildOpKind::close_on_exec:
      return call(SYS_close_range, op.x, k_last_fd, CLOSE_RANGE_CLOEXEC);
    case ChildOpKind::execute:
      return op_execute(vm, op);
    default:
      return run_file_op(vm, op);
  }
}

}  // namespace
}  // namespace child

void run_child(const ChildImage& image) {
  child::Interpreter vm{.image = image, .report = {}};
  for (size_t i = 0; i < image.launcher_fd_count; ++i) child::sys_close(image.launcher_fds[i]);
  for (size_t step = 0; step < image.op_count; ++step) {
    const int result = child::run_op(vm, image.ops[step]);
    if (result >= 0) continue;
    child::report(vm, static_cast<uint32_t>(step), -result);
    break;
  }
  child::end_process(127);
}

}  // namespace ctr::runtime

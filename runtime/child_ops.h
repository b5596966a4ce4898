// ChildOps: the instructions of the interpreter that runs between clone3 and execve (runtime/child.cc).
//
// Plain data: the launcher compiles them before the clone, the child only reads. Text is in one arena of NUL-terminated
// strings; descriptors live in a fixed array of registers. This header uses no library type, since child.cc may not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

struct clone_args;  // linux/sched.h

namespace ctr::runtime {

// Operands in brackets: a, b registers; x, y, z numbers; text, more offsets in the arena.
enum class ChildOpKind : uint16_t {
  // ---- talking to the launcher
  send_fds,      // [a first register, x count, y tag]: one message on the hand socket, tag first
  wait_go,       // one byte of the go pipe; its end means that the launcher died: exit quietly
  report_ready,  // tells that only the last steps are left
  wait_start,    // [a listening socket, text int16_t array of registers, x count]: a connection's first byte, one of
                 // k_ask_*; that of who starts it becomes report pipe and hand socket, and the socket is closed
  // ---- the process itself
  set_parent_death_signal,  // [x signal; 0 none]
  set_dumpable,             // [x]
  reset_signals,            // nothing blocked, nothing ignored: both survive execve
  set_session,              // setsid(2)
  new_session_keyring,      // a key ring of its own; without support in the kernel there is nothing to hide
  set_user,                 // [x uid]: setresuid(2)
  set_group,                // [x gid]: setresgid(2)
  set_groups,               // [text uint32_t array, x count]
  keep_capabilities,        // PR_SET_KEEPCAPS
  limit_bounding_set,       // [x capabilities to keep]
  set_capabilities,         // [x effective, y permitted, z inheritable]
  raise_ambient,            // [x capabilities]
  no_new_privileges,
  load_filter,        // [text struct sock_filter array, x count, y flags]: with SECCOMP_FILTER_FLAG_NEW_LISTENER the
                      // listener is sent with tag k_tag_listener
  set_rlimit,         // [x resource, y soft, z hard]
  set_umask,          // [x]
  set_cpus,           // [text mask of CPUs, x its bytes]: those that the cgroup forbids are left out
  set_memory_policy,  // [x mode and flags, text mask of nodes, y its bits]
  set_personality,    // [x]
  set_io_priority,    // [x IOPRIO_PRIO_VALUE]: of the process group
  set_scheduler,      // [text struct SchedAttr]
  set_home,           // [text "HOME=/" of the environment with room behind, x uid]: as /etc/passwd says
  set_hostname,       // [text]
  set_domainname,     // [text]
  unshare,            // [x CLONE_NEW* flags]
  set_namespace,      // [a namespace or pidfd, x CLONE_NEW* flags or 0]
  clone_child,        // [x clone flags, text uid map, more gid map or 0, z 0 or 1 + offset of a path]: goes on in a
  // sibling, which the launcher inherits; its pid and pidfd are sent with tag k_tag_pid. This process
  // unmounts the path in its own mount namespace and ends
  start_fuse,  // [text argv, each word ended by NUL, then NUL, more target path]: mounts a FUSE file system; its server
               // finds /dev/fuse as descriptor 3
  loopback_up,   // lo of this network namespace
  open_netlink,  // [a]: a NETLINK_ROUTE socket
  open_socket,   // [a, x domain, y type]
  // ---- files
  open_path,     // [a ← open(text), x flags, y mode]: a path of the host; with z 1 or 2 only if a is
                 // -1, which it stays with z 2 if that fails
  open_ahead,    // [a ← open(text), x flags]: the same where it may fail; a is -1 then
  open_in_root,  // [a ← text below b, x flags, y mode, z RESOLVE_* flags]
  open_target,   // [a ← O_PATH of text below b, x k_target_*, y mode]: made, with its parents, if missing
  find_target,   // [a ← O_PATH of the directory text below b; -1 when there is none]
  close_fd,      // [a]; -1: nothing
  check_device,  // [a is the character or block device x (S_IFMT type), y rdev]
  check_place,   // [a is an empty file, or the device x, y]: what a device may be put on
  check_other,   // [a is another file than text]: EPERM when it is the same
  check_type,    // [a is on a file system of type x (magic number)]
  write_file,    // [text file below b (a procfs of ours), more content]
  make_symlink,  // [text target, more name below b]
  make_dir,      // [text below b, x mode]: may exist
  make_file,     // [text below b ← bytes of file a, x mode | offset << 32, y count, z uid | gid << 32]
  make_node,     // [text below b, x mode, y rdev, z uid | gid << 32]: may be there already
  copy_symlink,  // [a: when it is a symbolic link, it is made again at text below b, and x steps are skipped]
  remove_dir,    // [text below b]: may be missing
  remove_file,   // [text name in b]: may be missing
  append_file,   // [all bytes of b go behind those of a, a regular file]
  // ---- mounts
  set_propagation,  // [x MS_* flags]: of the root mount
  mount_overlay,    // [a first lower, x count, b upper, b+1 work (b -1: none), text options, more target path]
  make_mount,       // [a ← detached mount of type text, options more ("k=v" or "flag", each ended by NUL, then NUL),
                    //  x MOUNT_ATTR_*, b directory whose mode it gets, -1 none; z 0 or 1 + offset of a path of the
                    //  host: where the kernel says EPERM, a copy of that tree with attributes x and y stands in]
  mount_on,         // [b target, type text, more source and options, each ended by NUL, x MS_*]: mount(2)
  remount,          // [a, options more as make_mount's]: of its file system
  clone_tree,       // [a ← detached copy of b, x AT_RECURSIVE or 0; if b is -1, what is in register y]
  set_mount,        // [a, x attributes to set, y to clear, z propagation | AT_RECURSIVE << 32]
  attach_mount,     // [mount a on target b]
  copy_up,          // [a detached tmpfs ← content of directory b]
  mask_path,        // [a null device, b empty directory, text path below register x]
  readonly_path,    // [text path below b]
  pivot_root,       // [a]
  hide_mount,       // [text]: a mount of the host is taken away or, where that is not allowed, covered
  isolate_mount,    // [text]: the mount that the directory is on becomes private
  switch_root,      // [a; x 1: a mount, which is moved over "/"; 0: a directory]: chroot(2) into it
  // ---- the terminal
  open_console,  // [a ← master, a+1 ← slave of dev/pts/ptmx below b (b -1: of /dev/pts), x rows << 16 | columns,
                 //  y uid, z 1: line feeds are not turned into new lines]
  set_console,   // descriptor 0 becomes the controlling terminal
  // ---- the end
  change_dir,     // [a, x 1: a denial leaves register a empty]: checked to be inside the root
  retry_dir,      // [a, b, text below b]: the change that was denied before, as the user the process has become
  move_fd,        // [a becomes descriptor x, which survives execve]
  close_others,   // [text int16_t array of registers, x lowest descriptor, y count]: closes the others from x on
  close_on_exec,  // [x]: of descriptor x and above
  run_hook,  // [text uint32_t array of places: path, number of words, words, number of variables, variables; more what
             //  stands before the pid in its input, NUL, what stands behind, NUL, directory or nothing; x timeout in
             //  ms, 0 for none; a, b files for its standard output and error, -1: they go into the report]
  find_program,  // [text as execute's]: fails as execute would for what can be told without it
  execute,       // [text candidates, each ended by NUL, then NUL; argv and envp of the image]
  stay,          // [x 1: children that end are gone at once]: nothing more, until it is killed
  finish,        // ends the process with status 0
};

struct ChildOp {
  ChildOpKind kind = ChildOpKind::wait_go;
  int16_t a = -1;
  int16_t b = -1;
  uint32_t text = 0;
  uint32_t more = 0;
  uint64_t x = 0;
  uint64_t y = 0;
  uint64_t z = 0;
};
static_assert(std::is_trivially_destructible_v<ChildOp> && std::is_trivially_copyable_v<ChildOp>);

// open_target: what must be there, and what is made.
constexpr uint64_t k_target_directory = 0;
constexpr uint64_t k_target_file = 1;
constexpr uint64_t k_target_like_b = 2;           // as the source in register z is
constexpr uint64_t k_target_either = 3;           // what is there; a directory is made, with its parent's mode
constexpr uint64_t k_target_kinds = 3;            // the bits of the above
constexpr uint64_t k_target_no_symlinks = 16;     // no component may be a link: /proc, /sys, /dev
constexpr uint64_t k_target_not_proc = 32;        // must not come out on a procfs, whatever links lead there
constexpr uint64_t k_target_nofollow = 64;        // a link at the end is the target itself
constexpr uint64_t k_target_may_be_denied = 128;  // a denial leaves the register empty
constexpr uint64_t k_target_must_exist = 256;     // nothing is made

// Tags of messages on the hand socket.
constexpr uint64_t k_tag_namespaces = 1;  // netlink socket, network namespace, user namespace, then sockets asked for;
                                          // to who asks with k_ask_namespaces: the container's
constexpr uint64_t k_tag_console = 2;     // the master
constexpr uint64_t k_tag_pid = 3;         // pidfd; the pid follows the tag
constexpr uint64_t k_tag_listener = 4;    // of the seccomp filter
// Namespaces of a container at most, and the descriptors of a message.
constexpr int k_max_namespaces = 8;

// What is asked of a process in wait_start.
constexpr char k_ask_start = 's';
constexpr char k_ask_namespaces = 'n';

// Registers the launcher fills in; compiled programs use those from k_first_free_register on.
constexpr int k_register_go = 0;
constexpr int k_register_report = 1;
constexpr int k_register_hand = 2;
constexpr int k_register_stdin = 3;    // and stdout, stderr
constexpr int k_register_init = 6;     // pidfd of the container's first process, for exec
constexpr int k_register_secrets = 6;  // bytes of the container's secrets, for run
constexpr int k_register_waiting = 7;  // a held lock, which ends with execve: the container has not been started
constexpr int k_register_start = 8;    // a listening socket, for wait_start
constexpr int k_register_extra = 9;    // as many as there are extra descriptors
constexpr int k_max_extra_fds = 64;
constexpr int k_first_free_register = k_register_extra + k_max_extra_fds;
// overlayfs takes at most 500 lower directories (OVL_MAX_STACK).
constexpr int k_max_lower_dirs = 500;
// Of each, arguments and variables, that a hook inside the container can have.
constexpr size_t k_max_hook_words = 200;
// Behind those of the program: files for what hooks inside the container print, standard output and error.
constexpr int k_register_hook_output = k_first_free_register + k_max_lower_dirs + 60;
constexpr int k_max_registers = k_register_hook_output + 2;

// struct sched_attr of sched_setattr(2) as of Linux 5.3 (SCHED_ATTR_SIZE_VER1). libc's headers and the kernel's cannot
// be included together in all versions.
struct SchedAttr {
  uint32_t size = 56;
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;
  uint64_t deadline = 0;
  uint64_t period = 0;
  uint32_t util_min = 0;
  uint32_t util_max = 1024;  // SCHED_CAPACITY_SCALE: no clamp
};
static_assert(sizeof(SchedAttr) == 56);

// What the child writes to the report pipe; nothing before the end of the pipe means success.
struct ChildReport {
  static constexpr uint32_t k_ready = UINT32_MAX;
  uint32_t step = 0;  // index of the op, or k_ready
  int32_t error = 0;  // errno
  uint32_t detail = 0;
  static constexpr uint32_t k_none = 0;
  static constexpr uint32_t k_is_directory = 1;         // execute: the file is a directory
  static constexpr uint32_t k_interpreter_missing = 2;  // execute: the file exists, its interpreter does not
  static constexpr uint32_t k_wrong_namespace = 3;      // set_namespace: the file is no namespace of this type
  // run_hook: error is the exit status or the number of the signal instead of an errno.
  static constexpr uint32_t k_hook_exit = 4;
  static constexpr uint32_t k_hook_signal = 5;
  static constexpr uint32_t k_hook_late = 6;
  static constexpr uint32_t k_server_ended = 7;  // the FUSE server of the root is no more
  // What a failed helper program said, NUL-terminated. The whole stays below PIPE_BUF: it is written and read at once.
  char words[244] = {};
};

// All the child sees. Everything pointed to is made before the clone.
struct ChildImage {
  const ChildOp* ops = nullptr;
  size_t op_count = 0;
  const char* arena = nullptr;
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  int* registers = nullptr;
  // The launcher's ends of pipes and sockets, of which clone3 made copies: with them the child would never see the
  // launcher go.
  const int* launcher_fds = nullptr;
  size_t launcher_fd_count = 0;
  // What the child is going to touch: made present with one call each, where every page fault would take as long as ten
  // of them. Only for speed.
  struct Memory {
    uintptr_t begin = 0;
    uintptr_t end = 0;  // 0: nothing
    bool written = false;
  };
  const Memory* memory = nullptr;
  size_t memory_count = 0;
};

// Interprets the image and ends in execve, or reports the step that failed and ends the process.
[[noreturn]] void run_child(const ChildImage& image);

// clone3(2) with `arguments`, which are `size` bytes; the child goes on in run_child(). Returns the child's pid, or -1
// with errno set. Beside run_child(), since a child takes a page fault for each place that it has code in.
long clone_to_run(const ChildImage& image, clone_args* arguments, size_t size);

}  // namespace ctr::runtime

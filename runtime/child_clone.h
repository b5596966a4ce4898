// Processes the child starts: a second clone, for a pid namespace that was joined or a namespace nested in a joined or
// fresh one, and FUSE servers. Part of the interpreter; see child.cc for its rules.
#pragma once

#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "runtime/child_process.h"
#include "runtime/child_talk.h"

namespace ctr::runtime::child {
namespace {

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

// Where the server finds /dev/fuse; compile_rootfs.cc names it to it.
constexpr int k_fuse_descriptor = 3;

[[noreturn]] void become_fuse_server(char** argv, int device, int words) {
  call(SYS_setsid);
  const int nothing = call(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
  call(SYS_dup3, nothing, 0, 0);  // not CLOEXEC: the server's streams
  call(SYS_dup3, nothing, 1, 0);  // not CLOEXEC: likewise
  call(SYS_dup3, words, 2, 0);    // not CLOEXEC: likewise
  // What it says when nobody listens any more must not end it.
  KernelSigaction ignored{};
  ignored.handler = k_ignored;
  call(SYS_rt_sigaction, SIGPIPE, &ignored, nullptr, sizeof ignored.mask);
  // The launcher takes the end of the report pipe for success: the server must not hold it, nor anything else.
  call(SYS_close_range, 3U, k_last_fd, CLOSE_RANGE_CLOEXEC);
  if (device == k_fuse_descriptor) {
    call(SYS_fcntl, device, F_SETFD, 0);
  } else {
    call(SYS_dup3, device, k_fuse_descriptor, 0);  // not CLOEXEC: likewise
  }
  char* no_environment[1] = {nullptr};
  call(SYS_execve, argv[0], argv, no_environment);
  constexpr char k_failed[] = "it cannot be executed";
  call(SYS_write, 2, k_failed, sizeof k_failed - 1);
  end_process(127);
}

// As the library of the server would mount it. Source: fuse(4), libfuse 3.14 lib/mount.c.
int mount_fuse(int device, const char* target) {
  Text<160> options;
  options.add("default_permissions,allow_other,rootmode=40000,user_id=0,group_id=0,fd=");
  options.add_number(static_cast<unsigned>(device));
  return call(SYS_mount, "fuse-overlayfs", target, "fuse.fuse-overlayfs", MS_NODEV | MS_NOATIME, options.data());
}

// Mounts the file system and starts its server, which nobody waits for: who looks into the mount waits in the kernel
// until it answers, and what it said when it ended instead goes into the report of the step that meets that.
int op_start_fuse(Interpreter& vm, const ChildOp& op) {
  char* argv[8] = {};
  const char* word = vm.text(op.text);
  for (size_t i = 0; i + 1 < sizeof argv / sizeof *argv && *word != '\0'; ++i) {
    argv[i] = const_cast<char*>(word);
    word += length_of(word) + 1;
  }
  const int device = call(SYS_openat, AT_FDCWD, "/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device < 0) return device;
  int result = mount_fuse(device, vm.text(op.more));
  if (result < 0) return result;
  // Nobody reads any more when the container runs: the server must not block then, nor fill memory.
  int words[2];
  result = call(SYS_pipe2, words, O_CLOEXEC | O_NONBLOCK);
  if (result < 0) return result;
  clone_args args{};
  args.exit_signal = SIGCHLD;
  const int pid = call(SYS_clone3, &args, sizeof args);
  if (pid < 0) return pid;
  if (pid == 0) become_fuse_server(argv, device, words[1]);
  // The connection ends with the server only where nobody else holds its descriptor.
  sys_close(device);
  sys_close(words[1]);
  vm.fuse_words = words[0];
  return 0;
}

}  // namespace
}  // namespace ctr::runtime::child

// Processes the child starts: a second clone, for a pid namespace that was joined or a namespace nested in a joined or
// fresh one, and FUSE servers. Part of the interpreter; see child.cc for its rules.
#pragma once

#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

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

}  // namespace
}  // namespace ctr::runtime::child

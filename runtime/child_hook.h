// Hooks that run inside the container's namespaces. Part of the interpreter; see child.cc for its rules.
#pragma once

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "runtime/child_process.h"
#include "runtime/child_talk.h"

namespace ctr::runtime::child {
namespace {

struct HookWords {
  const char* path;
  char* argv[k_max_hook_words + 1];
  char* envp[k_max_hook_words + 1];
};

// The array of offsets: path, number of arguments, arguments, number of variables, variables.
void find_hook_words(const Interpreter& vm, const ChildOp& op, HookWords* out) {
  const auto* offsets = reinterpret_cast<const uint32_t*>(vm.text(op.text));
  const auto take_list = [&](char** list) {
    const uint32_t count = *offsets++;
    for (uint32_t i = 0; i < count; ++i) list[i] = const_cast<char*>(vm.text(*offsets++));
    list[count] = nullptr;
  };
  out->path = vm.text(*offsets++);
  take_list(out->argv);
  take_list(out->envp);
}

// The state of the container as the hook's input: what stands before the pid, the pid as it is in here, the rest.
int make_state(const char* before, const char* behind) {
  const int file = call(SYS_memfd_create, "state", MFD_CLOEXEC);
  if (file < 0) return file;
  Text<12> pid;
  pid.add_number(static_cast<unsigned>(call(SYS_getpid)));
  const char* parts[] = {before, pid.data(), behind};
  int result = 0;
  for (const char* part : parts) {
    if (result >= 0) result = call(SYS_write, file, part, length_of(part));
  }
  if (result >= 0) result = call(SYS_lseek, file, 0, SEEK_SET);
  if (result >= 0) return file;
  sys_close(file);
  return result;
}

// What a hook is connected to.
struct HookStreams {
  int state;
  int output;
  int error;
};

[[noreturn]] void become_hook(const HookWords& words, const char* directory, const HookStreams& streams, int failed) {
  int result = call(SYS_dup3, streams.state, 0, 0);                // not CLOEXEC: the hook's streams
  if (result >= 0) result = call(SYS_dup3, streams.output, 1, 0);  // not CLOEXEC: likewise
  if (result >= 0) result = call(SYS_dup3, streams.error, 2, 0);   // not CLOEXEC: likewise
  if (result >= 0) result = call(SYS_close_range, 3U, k_last_fd, CLOSE_RANGE_CLOEXEC);
  if (result >= 0) result = op_reset_signals();
  if (result >= 0 && *directory != '\0') result = call(SYS_chdir, directory);
  if (result >= 0) result = call(SYS_execve, words.path, words.argv, words.envp);
  call(SYS_write, failed, &result, sizeof result);
  end_process(127);
}

// Waits for the hook, at most `timeout_ms` (0: for ever).
int wait_hook(Interpreter& vm, int pid, int pidfd, uint64_t timeout_ms) {
  pollfd entry{.fd = pidfd, .events = POLLIN, .revents = 0};
  timespec timeout{};
  timeout.tv_sec = static_cast<time_t>(timeout_ms / 1000);
  timeout.tv_nsec = static_cast<long>(timeout_ms % 1000) * 1'000'000;
  int result = 0;
  do result = call(SYS_ppoll, &entry, 1, timeout_ms == 0 ? nullptr : &timeout, nullptr, 0);
  while (result == -EINTR);
  const bool late = result == 0;
  if (result <= 0) call(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
  int status = 0;
  int waited = 0;
  do waited = call(SYS_wait4, pid, &status, 0, nullptr);
  while (waited == -EINTR);
  if (result < 0) return result;
  if (waited < 0) return waited;
  if (late) {
    vm.report.detail = ChildReport::k_hook_late;
    return -ETIMEDOUT;
  }
  if (WIFSIGNALED(status)) {
    vm.report.detail = ChildReport::k_hook_signal;
    return -WTERMSIG(status);
  }
  if (WEXITSTATUS(status) == 0) return 0;
  vm.report.detail = ChildReport::k_hook_exit;
  return -WEXITSTATUS(status);
}

// Starts the hook and returns once it is executed, or has failed to be.
int start_hook(const HookWords& words, const char* directory, const HookStreams& streams, int* pidfd) {
  int failed[2];
  int result = call(SYS_pipe2, failed, O_CLOEXEC);
  if (result < 0) return result;
  // clone3(2) is refused by filters that cannot look at its flags, and a filter may be loaded by now.
  const int pid = call(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, pidfd, nullptr, nullptr);
  if (pid == 0) become_hook(words, directory, streams, failed[1]);
  sys_close(failed[1]);
  if (pid > 0) {
    int size = 0;
    do size = call(SYS_read, failed[0], &result, sizeof result);
    while (size == -EINTR);
    // Reaped here: it has ended or is about to.
    if (size == sizeof result) call(SYS_wait4, pid, nullptr, 0, nullptr);
    if (size != sizeof result) result = pid;
  } else {
    result = pid;
  }
  sys_close(failed[0]);
  return result;
}

// What the hook has said, on a stream without a file of its own, goes into the report.
int op_run_hook(Interpreter& vm, const ChildOp& op) {
  HookWords words;
  find_hook_words(vm, op, &words);
  const char* before = vm.text(op.more);
  const char* behind = before + length_of(before) + 1;
  const int state = make_state(before, behind);
  if (state < 0) return state;
  const int output = call(SYS_memfd_create, "words", MFD_CLOEXEC);
  int result = output;
  if (output >= 0) {
    const HookStreams streams{.state = state,
                              .output = vm.fd(op.a) < 0 ? output : vm.fd(op.a),
                              .error = vm.fd(op.b) < 0 ? output : vm.fd(op.b)};
    int pidfd = -1;
    result = start_hook(words, behind + length_of(behind) + 1, streams, &pidfd);
    if (result > 0) {
      result = wait_hook(vm, result, pidfd, op.x);
      sys_close(pidfd);
    }
    if (result < 0) call(SYS_pread64, output, vm.report.words, sizeof vm.report.words - 1, 0);
    sys_close(output);
  }
  sys_close(state);
  return result;
}

}  // namespace
}  // namespace ctr::runtime::child

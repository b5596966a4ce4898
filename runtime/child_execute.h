// The end: the working directory, the descriptors, execve. Part of the interpreter; see child.cc for its rules.
#pragma once

#include "runtime/child_talk.h"

namespace ctr::runtime::child {
namespace {

int enter_dir(int fd) {
  int result = call(SYS_fchdir, fd);
  if (result < 0) return result;
  // A directory outside of the root has no name in here: "(unreachable)/…" (getcwd(2), CVE-2024-21626).
  char where[4096];
  result = call(SYS_getcwd, where, sizeof where);
  if (result < 0) return result == -ERANGE ? 0 : result;
  return where[0] == '/' ? 0 : -EXDEV;
}

int op_change_dir(const Interpreter& vm, const ChildOp& op) {
  const int fd = vm.fd(op.a);
  if (fd < 0) return 0;
  const int result = enter_dir(fd);
  if (result != -EACCES || op.x == 0) return result;
  vm.image.registers[op.a] = -1;
  return 0;
}

// Root of the container may be nobody to a file system of the user's, such as FUSE without allow_other.
int op_retry_dir(const Interpreter& vm, const ChildOp& op) {
  if (vm.fd(op.a) >= 0) return 0;
  const int fd =
      sys_openat2(vm.fd(op.b), vm.text(op.text), O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  if (fd < 0) return fd;
  const int result = enter_dir(fd);
  sys_close(fd);
  return result;
}

int op_move_fd(const Interpreter& vm, const ChildOp& op) {
  const int from = vm.fd(op.a);
  const int to = static_cast<int>(op.x);
  // not CLOEXEC: the program is to have it.
  const int result = from == to ? call(SYS_fcntl, to, F_SETFD, 0) : call(SYS_dup3, from, to, 0);
  return result < 0 ? result : 0;
}

// From one kept descriptor to the next: the registers are few.
int op_close_others(const Interpreter& vm, const ChildOp& op) {
  const auto* kept = reinterpret_cast<const int16_t*>(vm.text(op.text));
  for (unsigned from = static_cast<unsigned>(op.x);;) {
    unsigned next = k_last_fd;
    for (uint64_t i = 0; i < op.y; ++i) {
      const int fd = vm.fd(kept[i]);
      if (fd >= 0 && static_cast<unsigned>(fd) >= from && static_cast<unsigned>(fd) < next) {
        next = static_cast<unsigned>(fd);
      }
    }
    const bool last = next == k_last_fd;
    if (last || next > from) {
      const int result = call(SYS_close_range, from, last ? k_last_fd : next - 1, 0);
      if (result < 0) return result;
    }
    if (last) return 0;
    from = next + 1;
  }
}

// What can be told before the program is started: that there is a file that may be executed.
int op_find_program(Interpreter& vm, const ChildOp& op) {
  int worst = -ENOENT;
  for (const char* path = vm.text(op.text); *path != '\0'; path += length_of(path) + 1) {
    struct stat status{};
    if (call(SYS_newfstatat, AT_FDCWD, path, &status, 0) < 0) continue;
    if (S_ISDIR(status.st_mode)) {
      vm.report.detail = ChildReport::k_is_directory;
      worst = -EACCES;
      continue;
    }
    if (call(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) == 0) {
      vm.report.detail = ChildReport::k_none;
      return 0;
    }
    worst = -EACCES;
  }
  return worst;
}

// A look is cheaper than an attempt, where there are more places to look in, and much so on a FUSE file system.
bool is_elsewhere(const char* path) {
  const bool is_last = path[length_of(path) + 1] == '\0';
  struct stat status{};
  return !is_last && call(SYS_newfstatat, AT_FDCWD, path, &status, 0) == -ENOENT;
}

int op_execute(Interpreter& vm, const ChildOp& op) {
  int worst = -ENOENT;
  for (const char* path = vm.text(op.text); *path != '\0'; path += length_of(path) + 1) {
    if (is_elsewhere(path)) continue;
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

}  // namespace
}  // namespace ctr::runtime::child

// Files, devices and targets of mounts. Part of the interpreter; see child.cc for its rules.
#pragma once

#include <linux/magic.h>
#include <sys/statfs.h>

#include "runtime/child_talk.h"
#include "runtime/child_target.h"

namespace ctr::runtime::child {
namespace {

int open_target(const Interpreter& vm, const ChildOp& op) {
  uint64_t kind = op.x & k_target_kinds;
  if (kind == k_target_like_b) {
    struct stat status{};
    const int result = sys_fstat(vm.fd(static_cast<int>(op.z)), &status);
    if (result < 0) return result;
    kind = S_ISDIR(status.st_mode) ? k_target_directory : k_target_file;
  }
  uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  if ((op.x & k_target_no_symlinks) != 0) resolve |= RESOLVE_NO_SYMLINKS;
  const bool directory = kind == k_target_directory;
  if ((op.x & k_target_must_exist) != 0) {
    return sys_openat2(vm.fd(op.b), vm.text(op.text), O_PATH | (directory ? O_DIRECTORY : 0), 0, resolve);
  }
  const int fd = open_or_make_target(vm.fd(op.b), vm.text(op.text), directory, static_cast<unsigned>(op.y), resolve);
  if (fd < 0 || (op.x & k_target_not_proc) == 0) return fd;
  struct statfs system{};
  const int result = call(SYS_fstatfs, fd, &system);
  if (result == 0 && system.f_type != PROC_SUPER_MAGIC) return fd;
  sys_close(fd);
  return result < 0 ? result : -EXDEV;
}

int op_open_target(const Interpreter& vm, const ChildOp& op) {
  const int fd = open_target(vm, op);
  if (fd != -EACCES || (op.x & k_target_may_be_denied) == 0) return store(vm, op.a, fd);
  vm.image.registers[op.a] = -1;
  return 0;
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

}  // namespace
}  // namespace ctr::runtime::child

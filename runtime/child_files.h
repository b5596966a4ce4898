// Files, devices and targets of mounts. Part of the interpreter; see child.cc for its rules.
#pragma once

#include <linux/magic.h>
#include <sys/statfs.h>

#include "runtime/child_talk.h"
#include "runtime/child_target.h"

namespace ctr::runtime::child {
namespace {

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

// Only into a directory that nobody else sees yet: the file is there with its final owner and mode, or not at all.
int op_make_file(const Interpreter& vm, const ChildOp& op) {
  const int fd =
      call(SYS_openat, vm.fd(op.b), vm.text(op.text), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600U);
  if (fd < 0) return fd;
  auto offset = static_cast<int64_t>(op.x >> 32);
  int result = 0;
  for (uint64_t left = op.y; left > 0 && result >= 0; left -= static_cast<uint64_t>(result)) {
    result = call(SYS_sendfile, fd, vm.fd(op.a), &offset, left);
    if (result == 0) result = -EIO;  // shorter than was said
    if (result < 0) break;
  }
  if (result >= 0) result = call(SYS_fchown, fd, static_cast<uint32_t>(op.z), static_cast<uint32_t>(op.z >> 32));
  if (result == 0) result = call(SYS_fchmod, fd, op.x & 07777U);
  sys_close(fd);
  return result;
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

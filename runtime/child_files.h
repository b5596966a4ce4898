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
  const uint64_t flags =
      (kind == k_target_directory ? O_DIRECTORY : 0) | ((op.x & k_target_nofollow) != 0 ? O_NOFOLLOW : 0);
  if ((op.x & k_target_must_exist) != 0) {
    return sys_openat2(vm.fd(op.b), vm.text(op.text), O_PATH | flags, 0, resolve);
  }
  const Made made{
      .directory = kind != k_target_file, .like_parent = kind == k_target_either, .mode = static_cast<unsigned>(op.y)};
  const int fd = open_or_make_target(vm.fd(op.b), vm.text(op.text), flags, made, resolve);
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

int op_open_ahead(const Interpreter& vm, const ChildOp& op) {
  const int fd = call(SYS_openat, AT_FDCWD, vm.text(op.text), op.x | O_CLOEXEC, 0);
  vm.image.registers[op.a] = fd < 0 ? -1 : fd;
  return 0;
}

int op_find_target(const Interpreter& vm, const ChildOp& op) {
  const int fd =
      sys_openat2(vm.fd(op.b), vm.text(op.text), O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  vm.image.registers[op.a] = fd < 0 ? -1 : fd;
  return fd < 0 && fd != -ENOENT && fd != -ENOTDIR ? fd : 0;
}

int op_check_device(const Interpreter& vm, const ChildOp& op) {
  struct stat status{};
  const int result = sys_fstat(vm.fd(op.a), &status);
  if (result < 0) return result;
  return (status.st_mode & S_IFMT) == op.x && status.st_rdev == op.y ? 0 : -ENXIO;
}

// An empty file is what an earlier start of the container has left, or a place the image keeps for a device.
int op_check_place(const Interpreter& vm, const ChildOp& op) {
  struct stat status{};
  const int result = sys_fstat(vm.fd(op.a), &status);
  if (result < 0) return result;
  if (S_ISREG(status.st_mode) && status.st_size == 0) return 0;
  return (status.st_mode & S_IFMT) == op.x && status.st_rdev == op.y ? 0 : -EEXIST;
}

int op_check_type(const Interpreter& vm, const ChildOp& op) {
  struct statfs system{};
  const int result = call(SYS_fstatfs, vm.fd(op.a), &system);
  if (result < 0) return result;
  return static_cast<uint64_t>(system.f_type) == op.x ? 0 : -EXDEV;
}

int op_check_other(const Interpreter& vm, const ChildOp& op) {
  struct stat given{};
  struct stat other{};
  int result = sys_fstat(vm.fd(op.a), &given);
  if (result == 0) result = call(SYS_newfstatat, AT_FDCWD, vm.text(op.text), &other, 0);
  if (result < 0) return result;
  return given.st_dev == other.st_dev && given.st_ino == other.st_ino ? -EPERM : 0;
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

int op_append_file(const Interpreter& vm, const ChildOp& op) {
  const int file = vm.fd(op.a);
  struct stat status{};
  int result = sys_fstat(file, &status);
  if (result < 0) return result;
  if (!S_ISREG(status.st_mode)) return -EINVAL;
  result = call(SYS_lseek, file, 0, SEEK_END);
  while (result >= 0) {
    result = call(SYS_sendfile, file, vm.fd(op.b), nullptr, size_t{1} << 20);
    if (result == 0) break;
  }
  return result;
}

// Of what the descriptor names, wherever its name may lead by now: fchmod(2) refuses O_PATH.
int change_mode(int fd, unsigned mode) {
  Text<64> path;
  path.add("/proc/self/fd/");
  path.add_number(static_cast<unsigned>(fd));
  return call(SYS_fchmodat, AT_FDCWD, path.data(), mode);
}

int set_node(int fd, const ChildOp& op) {
  struct stat status{};
  int result = sys_fstat(fd, &status);
  if (result < 0) return result;
  if ((status.st_mode & S_IFMT) != (op.x & S_IFMT) || (!S_ISFIFO(op.x) && status.st_rdev != op.y)) return -EEXIST;
  result = call(SYS_fchownat, fd, "", static_cast<uint32_t>(op.z), static_cast<uint32_t>(op.z >> 32), AT_EMPTY_PATH);
  if (result == 0 && (status.st_mode & 07777U) != (op.x & 07777U)) result = change_mode(fd, op.x & 07777U);
  return result;
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

// Between the steps the name may change hands in a directory that others can write to: from the opened node on, nothing
// goes by its name.
int op_make_node(const Interpreter& vm, const ChildOp& op) {
  const int dir = vm.fd(op.b);
  const char* name = vm.text(op.text);
  int result = call(SYS_mknodat, dir, name, op.x, op.y);
  if (result < 0 && result != -EEXIST) return result;
  const int fd = call(SYS_openat, dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fd;
  result = set_node(fd, op);
  sys_close(fd);
  return result;
}

// Opens the directory of `path` below the root, made if it is missing, and says where its last component begins.
int open_parent(int root, const char* path, const char** name) {
  PathText parent;
  parent.add(path);
  if (parent.overflow()) return -ENAMETOOLONG;
  size_t end = parent.size();
  while (end > 0 && path[end - 1] != '/') --end;
  *name = path + end;
  if (end == 0) return sys_openat2(root, ".", O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT);
  parent.data()[end - 1] = '\0';
  return open_or_make_target(root, parent.data(), O_DIRECTORY, {.directory = true, .like_parent = false, .mode = 0755},
                             RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int same_link(int dir, const char* name, const char* target) {
  char there[k_path_size];
  const int length = call(SYS_readlinkat, dir, name, there, sizeof there - 1);
  if (length < 0) return -EEXIST;
  there[length] = '\0';
  size_t i = 0;
  while (there[i] != '\0' && there[i] == target[i]) ++i;
  return there[i] == target[i] ? 0 : -EEXIST;
}

int op_copy_symlink(Interpreter& vm, const ChildOp& op) {
  char target[k_path_size];
  const int length = call(SYS_readlinkat, vm.fd(op.a), "", target, sizeof target - 1);
  // Of a descriptor that is no link, readlinkat says ENOENT (readlink(2)).
  if (length < 0) return length == -ENOENT || length == -EINVAL ? 0 : length;
  target[length] = '\0';
  const char* name = nullptr;
  const int parent = open_parent(vm.fd(op.b), vm.text(op.text), &name);
  if (parent < 0) return parent;
  int result = call(SYS_symlinkat, target, parent, name);
  if (result == -EEXIST) result = same_link(parent, name, target);
  sys_close(parent);
  if (result == 0) vm.skip = op.x;
  return result;
}

}  // namespace
}  // namespace ctr::runtime::child

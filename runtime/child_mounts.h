// Mounts. Part of the interpreter; see child.cc for its rules.
#pragma once

#include <sys/mount.h>

#include "runtime/child_copy.h"
#include "runtime/child_talk.h"

namespace ctr::runtime::child {
namespace {

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

// The arena is this process's own copy: splitting an option in place disturbs nobody.
int configure_all(int context, const char* options) {
  int result = 0;
  for (char* option = const_cast<char*>(options); result == 0 && *option != '\0'; option += length_of(option) + 1) {
    result = configure_mount(context, option);
  }
  return result;
}

// The permission bits of the directory, in octal as file systems take them.
int configure_mode(int context, int directory) {
  struct stat status{};
  const int result = sys_fstat(directory, &status);
  if (result < 0) return result;
  char mode[5] = {};
  for (int digit = 0; digit < 4; ++digit) {
    mode[3 - digit] = static_cast<char>('0' + (status.st_mode >> (3 * digit) & 7U));
  }
  return call(SYS_fsconfig, context, FSCONFIG_SET_STRING, "mode", mode, 0);
}

int clone_mount(int fd, uint64_t recursive) {
  return call(SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
}

int op_clone_tree(const Interpreter& vm, const ChildOp& op) {
  const auto made = static_cast<int>(op.y);
  if (vm.fd(op.b) >= 0 || made == 0) return store(vm, op.a, clone_mount(vm.fd(op.b), op.x));
  if (vm.fd(made) < 0) return -EACCES;
  vm.image.registers[op.a] = vm.fd(made);
  vm.image.registers[made] = -1;
  return 0;
}

int change_mount(int fd, uint64_t set, uint64_t clear, uint64_t propagation, uint64_t recursive) {
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  attributes.propagation = propagation;
  return call(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | recursive, &attributes, sizeof attributes);
}

// What the host has in its place, with the attributes of the mount that cannot be.
int stand_in(const Interpreter& vm, const ChildOp& op) {
  const int mount = call(SYS_open_tree, AT_FDCWD, vm.text(static_cast<uint32_t>(op.z - 1)),
                         OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (mount < 0) return mount;
  const uint64_t atime = (op.x & MOUNT_ATTR__ATIME) != 0 ? uint64_t{MOUNT_ATTR__ATIME} : 0;
  const int result = change_mount(mount, op.x | op.y, atime, MS_PRIVATE, AT_RECURSIVE);
  if (result == 0) return mount;
  sys_close(mount);
  return result;
}

int make_mount(const Interpreter& vm, const ChildOp& op) {
  const int context = call(SYS_fsopen, vm.text(op.text), FSOPEN_CLOEXEC);
  if (context < 0) return context;
  int result = configure_all(context, vm.text(op.more));
  if (result == 0 && vm.fd(op.b) >= 0) result = configure_mode(context, vm.fd(op.b));
  if (result == 0) result = call(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  if (result == 0) result = call(SYS_fsmount, context, FSMOUNT_CLOEXEC, op.x);
  sys_close(context);
  return result;
}

int op_make_mount(const Interpreter& vm, const ChildOp& op) {
  const int mount = make_mount(vm, op);
  return mount == -EPERM && op.z != 0 ? stand_in(vm, op) : mount;
}

// The target by its descriptor: mount(2) takes paths, and this one ends at what was opened.
int op_mount_on(const Interpreter& vm, const ChildOp& op) {
  Text<64> target;
  target.add("/proc/self/fd/");
  target.add_number(static_cast<unsigned>(vm.fd(op.b)));
  const char* source = vm.text(op.more);
  return call(SYS_mount, source, target.data(), vm.text(op.text), op.x, source + length_of(source) + 1);
}

int op_remount(const Interpreter& vm, const ChildOp& op) {
  const int context = call(SYS_fspick, vm.fd(op.a), "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
  if (context < 0) return context;
  int result = configure_all(context, vm.text(op.more));
  if (result == 0) result = call(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0);
  sys_close(context);
  return result;
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

// The mounts of a user namespace's parents cannot be taken away from it (mount_namespaces(7)): then nothing of them is
// to be seen, and what a nested user namespace finds covered it cannot mount anew.
int op_hide_mount(const Interpreter& vm, const ChildOp& op) {
  const char* path = vm.text(op.text);
  const int result = call(SYS_umount2, path, MNT_DETACH);
  if (result != -EINVAL && result != -EPERM) return result;
  return call(SYS_mount, "tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=2");
}

// Only the root of a mount can be told to be private: it is up from the directory, at the latest at "/".
int op_isolate_mount(const Interpreter& vm, const ChildOp& op) {
  int fd = call(SYS_openat, AT_FDCWD, vm.text(op.text), O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (size_t level = 0; fd >= 0 && level < k_path_size; ++level) {
    int result = change_mount(fd, 0, 0, MS_PRIVATE, 0);
    const int parent = result == -EINVAL ? call(SYS_openat, fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC) : result;
    sys_close(fd);
    if (result != -EINVAL) return result;
    fd = parent;
  }
  return fd < 0 ? fd : -ELOOP;
}

// For roots that cannot be pivoted away from, as the first one of the kernel is (pivot_root(2), "rootfs").
int op_switch_root(const Interpreter& vm, const ChildOp& op) {
  int result = call(SYS_fchdir, vm.fd(op.a));
  if (result == 0 && op.x == 1) result = call(SYS_mount, ".", "/", nullptr, MS_MOVE, nullptr);
  if (result == 0) result = call(SYS_chroot, ".");
  if (result == 0) result = call(SYS_chdir, "/");
  return result;
}

}  // namespace
}  // namespace ctr::runtime::child

// The interpreter between clone3 and execve.
//
// It runs in a copy of a process whose locks, allocator and streams are in an unknown state, and in parts inside the
// container. So: no allocation, no locks, no stdio, no library but the calls in child.allow; data only, made before the
// clone. On failure it writes which step failed and why, and ends.
#include <linux/ioprio.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "runtime/child_clone.h"
#include "runtime/child_console.h"
#include "runtime/child_execute.h"
#include "runtime/child_files.h"
#include "runtime/child_filter.h"
#include "runtime/child_home.h"
#include "runtime/child_hook.h"
#include "runtime/child_mounts.h"
#include "runtime/child_ops.h"
#include "runtime/child_process.h"
#include "runtime/child_sys.h"
#include "runtime/child_talk.h"

namespace ctr::runtime {
namespace child {
namespace {

int run_protocol_op(Interpreter& vm, const ChildOp& op) {
  switch (op.kind) {
    case ChildOpKind::send_fds:
      return op_send_fds(vm, op);
    case ChildOpKind::wait_go:
      return wait_byte(vm.fd(k_register_go));
    case ChildOpKind::report_ready:
      return report(vm, ChildReport::k_ready, 0), 0;
    case ChildOpKind::wait_start:
      return op_wait_start(vm, op);
    case ChildOpKind::clone_child:
      return op_clone_child(vm, op);
    case ChildOpKind::start_fuse:
      return op_start_fuse(vm, op);
    case ChildOpKind::stay:
      if (op.x == 1) op_forget_children();
      for (;;) (void)call(SYS_ppoll, nullptr, 0, nullptr, nullptr, 0);
    case ChildOpKind::finish:
      end_process(0);
    default:
      return -ENOSYS;
  }
}

// What a process has of processors, memory and disks.
int run_scheduling_op(Interpreter& vm, const ChildOp& op) {
  switch (op.kind) {
    case ChildOpKind::set_rlimit:
      return op_set_rlimit(op);
    case ChildOpKind::set_cpus:
      return call(SYS_sched_setaffinity, 0, op.x, vm.text(op.text));
    case ChildOpKind::set_memory_policy:
      return call(SYS_set_mempolicy, op.x, op.y == 0 ? nullptr : vm.text(op.text), op.y);
    case ChildOpKind::set_personality:
      return call(SYS_personality, op.x);
    case ChildOpKind::set_io_priority:
      return call(SYS_ioprio_set, IOPRIO_WHO_PGRP, 0, op.x);
    case ChildOpKind::set_scheduler:
      return call(SYS_sched_setattr, 0, vm.text(op.text), 0);
    default:
      return run_protocol_op(vm, op);
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
    case ChildOpKind::set_umask:
      return call(SYS_umask, op.x), 0;
    case ChildOpKind::set_home:
      return op_set_home(vm, op);
    case ChildOpKind::run_hook:
      return op_run_hook(vm, op);
    case ChildOpKind::set_hostname:
      return call(SYS_sethostname, vm.text(op.text), length_of(vm.text(op.text)));
    case ChildOpKind::set_domainname:
      return call(SYS_setdomainname, vm.text(op.text), length_of(vm.text(op.text)));
    case ChildOpKind::unshare:
      return call(SYS_unshare, op.x);
    case ChildOpKind::set_namespace:
      return op_set_namespace(vm, op);
    case ChildOpKind::loopback_up:
      return op_loopback_up();
    case ChildOpKind::open_netlink:
      return store(vm, op.a, call(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    case ChildOpKind::open_socket:
      return store(vm, op.a, call(SYS_socket, op.x, op.y | SOCK_CLOEXEC, 0));
    default:
      return run_scheduling_op(vm, op);
  }
}

int ignore(int result, int error) { return result == error ? 0 : result; }

int run_file_op(Interpreter& vm, const ChildOp& op) {
  const char* text = vm.text(op.text);
  switch (op.kind) {
    case ChildOpKind::open_ahead:
      return op_open_ahead(vm, op);
    case ChildOpKind::open_path:
      if (op.z != 0 && vm.fd(op.a) >= 0) return 0;
      if (op.z == 2) return op_open_ahead(vm, op);
      return store(vm, op.a, call(SYS_openat, AT_FDCWD, text, op.x | O_CLOEXEC, op.y));
    case ChildOpKind::open_in_root:
      return store(vm, op.a, sys_openat2(vm.fd(op.b), text, op.x, op.y, op.z));
    case ChildOpKind::open_target:
      return op_open_target(vm, op);
    case ChildOpKind::find_target:
      return op_find_target(vm, op);
    case ChildOpKind::close_fd:
      return vm.fd(op.a) < 0 ? 0 : sys_close(vm.fd(op.a));
    case ChildOpKind::check_device:
      return op_check_device(vm, op);
    case ChildOpKind::check_place:
      return op_check_place(vm, op);
    case ChildOpKind::check_type:
      return op_check_type(vm, op);
    case ChildOpKind::check_other:
      return op_check_other(vm, op);
    case ChildOpKind::write_file:
      return op_write_file(vm, op);
    case ChildOpKind::make_symlink:
      return ignore(call(SYS_symlinkat, text, vm.fd(op.b), vm.text(op.more)), -EEXIST);
    case ChildOpKind::make_dir:
      return ignore(call(SYS_mkdirat, vm.fd(op.b), text, op.x), -EEXIST);
    case ChildOpKind::make_file:
      return op_make_file(vm, op);
    case ChildOpKind::make_node:
      return op_make_node(vm, op);
    case ChildOpKind::copy_symlink:
      return op_copy_symlink(vm, op);
    case ChildOpKind::remove_dir:
      return ignore(call(SYS_unlinkat, vm.fd(op.b), text, AT_REMOVEDIR), -ENOENT);
    case ChildOpKind::remove_file:
      return ignore(call(SYS_unlinkat, vm.fd(op.b), text, 0), -ENOENT);
    case ChildOpKind::append_file:
      return op_append_file(vm, op);
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
    case ChildOpKind::mount_on:
      return op_mount_on(vm, op);
    case ChildOpKind::remount:
      return op_remount(vm, op);
    case ChildOpKind::clone_tree:
      return op_clone_tree(vm, op);
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
    case ChildOpKind::hide_mount:
      return op_hide_mount(vm, op);
    case ChildOpKind::isolate_mount:
      return op_isolate_mount(vm, op);
    case ChildOpKind::switch_root:
      return op_switch_root(vm, op);
    case ChildOpKind::open_console:
      return op_open_console(vm, op);
    case ChildOpKind::set_console:
      return call(SYS_ioctl, 0, TIOCSCTTY, 0);
    case ChildOpKind::change_dir:
      return op_change_dir(vm, op);
    case ChildOpKind::retry_dir:
      return op_retry_dir(vm, op);
    case ChildOpKind::move_fd:
      return op_move_fd(vm, op);
    case ChildOpKind::close_on_exec:
      return call(SYS_close_range, op.x, k_last_fd, CLOSE_RANGE_CLOEXEC);
    case ChildOpKind::close_others:
      return op_close_others(vm, op);
    case ChildOpKind::find_program:
      return op_find_program(vm, op);
    case ChildOpKind::execute:
      return op_execute(vm, op);
    default:
      return run_file_op(vm, op);
  }
}

// Kernels before 5.14 refuse the advice.
void make_present(const ChildImage::Memory& memory) {
  constexpr uintptr_t k_page_bytes = 4096;
  const uintptr_t begin = memory.begin / k_page_bytes * k_page_bytes;
  if (begin >= memory.end) return;
  (void)call(SYS_madvise, begin, memory.end - begin, memory.written ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
}

}  // namespace
}  // namespace child

void run_child(const ChildImage& image) {
  child::Interpreter vm{.image = image, .report = {}};
  for (size_t i = 0; i < image.memory_count; ++i) child::make_present(image.memory[i]);
  for (size_t i = 0; i < image.launcher_fd_count; ++i) child::sys_close(image.launcher_fds[i]);
  for (size_t step = 0; step < image.op_count; ++step) {
    const int result = child::run_op(vm, image.ops[step]);
    step += vm.skip;
    vm.skip = 0;
    if (result >= 0) continue;
    child::report(vm, static_cast<uint32_t>(step), -result);
    break;
  }
  child::end_process(127);
}

long clone_to_run(const ChildImage& image, clone_args* arguments, size_t size) {
  const long pid = ::syscall(SYS_clone3, arguments, size);
  if (pid == 0) run_child(image);
  return pid;
}

}  // namespace ctr::runtime

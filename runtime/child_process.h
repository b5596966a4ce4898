// The process itself: credentials, capabilities, limits, the filter, signals. Part of the interpreter; see child.cc for
// its rules.
#pragma once

#include <linux/capability.h>
#include <linux/if.h>
#include <linux/keyctl.h>
#include <linux/nsfs.h>
#include <linux/prctl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "runtime/child_talk.h"

namespace ctr::runtime::child {
namespace {

int op_limit_bounding_set(const ChildOp& op) {
  for (unsigned capability = 0; capability < 64; ++capability) {
    if ((op.x >> capability & 1U) != 0) continue;
    const int result = call(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (result == -EINVAL) return 0;  // past the kernel's last capability
    if (result < 0) return result;
  }
  return 0;
}

int op_set_capabilities(const ChildOp& op) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  for (unsigned half = 0; half < 2; ++half) {
    data[half].effective = static_cast<uint32_t>(op.x >> (32 * half));
    data[half].permitted = static_cast<uint32_t>(op.y >> (32 * half));
    data[half].inheritable = static_cast<uint32_t>(op.z >> (32 * half));
  }
  return call(SYS_capset, &header, data);
}

int op_raise_ambient(const ChildOp& op) {
  for (unsigned capability = 0; capability < 64; ++capability) {
    if ((op.x >> capability & 1U) == 0) continue;
    const int result = call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
    if (result < 0) return result;
  }
  return 0;
}

int op_new_session_keyring() {
  const int result = call(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
  return result < 0 && result != -ENOSYS ? result : 0;
}

// As the kernel's rt_sigaction(2) takes it; zero is SIG_DFL.
struct KernelSigaction {
  uint64_t handler, flags, restorer, mask;
};

int op_reset_signals() {
  const KernelSigaction action{};
  // SIGKILL and SIGSTOP cannot be set (EINVAL) and need not be.
  for (int number = 1; number <= 64; ++number) call(SYS_rt_sigaction, number, &action, nullptr, sizeof action.mask);
  const uint64_t none = 0;
  return call(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

constexpr uint64_t k_ignored = 1;  // SIG_IGN

// Whoever becomes a child of ours leaves no zombie behind.
void op_forget_children() {
  KernelSigaction action{};
  action.handler = k_ignored;
  (void)call(SYS_rt_sigaction, SIGCHLD, &action, nullptr, sizeof action.mask);
}

int op_set_rlimit(const ChildOp& op) {
  const uint64_t limits[2] = {op.y, op.z};
  return call(SYS_prlimit64, 0, op.x, limits, nullptr);
}

int op_loopback_up() {
  const int socket = call(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return socket == -EAFNOSUPPORT ? 0 : socket;
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  int result = call(SYS_ioctl, socket, SIOCGIFFLAGS, &request);
  if (result == 0) {
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    result = call(SYS_ioctl, socket, SIOCSIFFLAGS, &request);
  }
  sys_close(socket);
  return result;
}

int op_set_namespace(Interpreter& vm, const ChildOp& op) {
  const int result = call(SYS_setns, vm.fd(op.a), op.x);
  const bool one_type = op.x != 0 && (op.x & (op.x - 1)) == 0;
  if (result != -EINVAL || !one_type) return result;
  const int type = call(SYS_ioctl, vm.fd(op.a), NS_GET_NSTYPE);
  if (type < 0 || static_cast<uint64_t>(type) != op.x) vm.report.detail = ChildReport::k_wrong_namespace;
  return result;
}

}  // namespace
}  // namespace ctr::runtime::child

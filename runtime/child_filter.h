// The seccomp filter, and the listener that an agent gets. Part of the interpreter; see child.cc for its rules.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>

#include "runtime/child_talk.h"

namespace ctr::runtime::child {
namespace {

// Under a filter with SCMP_ACT_NOTIFY or a short list of calls, this process may be able to do nothing but execve. So a
// second thread, which the filter is not put on, hands the listener over: it waits for the descriptor's number in
// memory, sends it, and ends, which the kernel tells this thread in memory (CLONE_CHILD_CLEARTID). No call is made here
// between loading the filter and the next step.
struct Relay {
  int socket;
  volatile int listener;  // k_pending, the descriptor, or -errno
  volatile int thread;    // set when the thread starts, cleared when it has ended
  volatile int result;
  static constexpr int k_pending = -4096;
};

int run_relay(void* argument) {
  auto* relay = static_cast<Relay*>(argument);
  while (relay->listener == Relay::k_pending) call(SYS_sched_yield);
  __sync_synchronize();
  const int listener = relay->listener;
  if (listener >= 0) relay->result = send_message(relay->socket, k_tag_listener, 0, &listener, 1);
  return 0;
}

int load_filter(sock_fprog* program, uint64_t flags) {
  return call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

int load_with_relay(const Interpreter& vm, sock_fprog* program, uint64_t flags) {
  alignas(16) char stack[16 << 10];
  Relay relay{.socket = vm.fd(k_register_hand), .listener = Relay::k_pending, .thread = 1, .result = 0};
  constexpr int k_thread =
      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
  int* ended = const_cast<int*>(&relay.thread);
  const bool relayed = clone(run_relay, stack + sizeof stack, k_thread, &relay, nullptr, nullptr, ended) >= 0;
  const int listener = load_filter(program, flags);
  if (!relayed && listener >= 0) {
    // A limit of one process forbids threads: most filters allow the call.
    return send_message(relay.socket, k_tag_listener, 0, &listener, 1);
  }
  __sync_synchronize();
  relay.listener = listener;
  while (relayed && relay.thread != 0) continue;
  __sync_synchronize();
  return listener < 0 ? listener : relay.result;
}

int op_load_filter(const Interpreter& vm, const ChildOp& op) {
  sock_fprog program{};
  program.len = static_cast<unsigned short>(op.x);
  program.filter = const_cast<sock_filter*>(reinterpret_cast<const sock_filter*>(vm.text(op.text)));
  if ((op.y & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0) return load_with_relay(vm, &program, op.y);
  return load_filter(&program, op.y);
}

}  // namespace
}  // namespace ctr::runtime::child

#include "engine/network/proxy/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <vector>

#include "base/file.h"
#include "runtime/seccomp.h"

namespace ctr::engine::network {
namespace {

// Programs are not executed, processes not made or signalled. Files are opened by the resolver alone, see ProxyFiles.
std::vector<std::string> allowed_calls() {
  return {// The loop, its timers, and waiting with a deadline.
          "epoll_wait", "epoll_pwait", "epoll_ctl", "poll", "ppoll", "clock_gettime", "gettimeofday", "restart_syscall",
          // Sockets and pipes.
          "accept4", "bind", "connect", "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername", "recvmsg",
          "sendmsg", "recvfrom", "sendto", "recvmmsg", "sendmmsg", "splice", "pipe2", "read", "write", "writev",
          "fcntl", "close", "fstat", "newfstatat",
          // Memory.
          "brk", "mmap", "munmap", "mremap", "madvise", "futex", "getrandom",
          // The end. abort() raises a signal.
          "exit", "exit_group", "rt_sigreturn", "rt_sigprocmask", "rt_sigaction", "gettid", "getpid", "tgkill"};
}

Json allow(std::vector<std::string> names) {
  return Json::object().set("names", Json::strings(names)).set("action", "SCMP_ACT_ALLOW");
}

Json allow_socket_of(int family) {
  Json arguments = Json::array();
  arguments.push(Json::object().set("index", 0).set("value", family).set("op", "SCMP_CMP_EQ"));
  return allow({"socket"}).set("args", std::move(arguments));
}

// openat(2) that neither writes nor makes anything.
Json allow_reading() {
  constexpr int k_changes = O_ACCMODE | O_CREAT | O_TRUNC;
  Json arguments = Json::array();
  arguments.push(
      Json::object().set("index", 2).set("value", k_changes).set("valueTwo", 0).set("op", "SCMP_CMP_MASKED_EQ"));
  return allow({"openat"}).set("args", std::move(arguments));
}

Result<void> keep_one_capability() {
  for (unsigned capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) return Error::from_errno("drop a capability of netproxy");
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
    return Error::from_errno("drop the ambient capabilities of netproxy");
  }
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  data[0].effective = data[0].permitted = 1U << CAP_NET_ADMIN;
  if (::syscall(SYS_capset, &header, data.data()) < 0) return Error::from_errno("drop the capabilities of netproxy");
  return ok();
}

}  // namespace

Json proxy_filter(ProxyFiles files) {
  Json calls = Json::array();
  calls.push(allow(allowed_calls()));
  for (const int family : {AF_INET, AF_INET6}) calls.push(allow_socket_of(family));
  if (files == ProxyFiles::names) {
    calls.push(allow_reading());
    calls.push(allow({"getdents64", "lseek"}));
  }
  return Json::object().set("defaultAction", "SCMP_ACT_KILL_PROCESS").set("syscalls", std::move(calls));
}

Result<void> join_network(const Fd& netns) {
  const Fd owner(::ioctl(netns.get(), NS_GET_USERNS));
  if (!owner.valid()) return Error::from_errno("find the user namespace of the container's network");
  struct stat theirs{};
  struct stat ours{};
  if (::fstat(owner.get(), &theirs) < 0 || ::stat("/proc/self/ns/user", &ours) < 0) {
    return Error::from_errno("look at the user namespace of the container's network");
  }
  const bool same = theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
  if (!same && ::setns(owner.get(), CLONE_NEWUSER) < 0) {
    return Error::from_errno("join the user namespace of the container's network");
  }
  if (::setns(netns.get(), CLONE_NEWNET) < 0) return Error::from_errno("join the container's network");
  return ok();
}

Result<void> confine_proxy(pid_t parent, ProxyFiles files) {
  auto filter = TRY(runtime::compile_seccomp(proxy_filter(files)));
  TRY(keep_one_capability());
  // Joining a user namespace has cleared it, and so does giving up rights.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) return Error::from_errno("tie netproxy to its monitor");
  if (::getppid() != parent) return Error(Errc::bad_state, "the monitor has ended");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Error::from_errno("set no_new_privs of netproxy");
  sock_fprog program{};
  program.len = static_cast<unsigned short>(filter.bpf.size() / sizeof(sock_filter));
  program.filter = reinterpret_cast<sock_filter*>(filter.bpf.data());
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) {
    return Error::from_errno("load the system call filter of netproxy");
  }
  return ok();
}

}  // namespace ctr::engine::network

#include "tests/unit/storage/traced.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "tests/catch.h"

namespace ctr::storage::testing {
namespace {

constexpr long k_changing[] = {SYS_openat,    SYS_openat2, SYS_mkdirat,   SYS_renameat, SYS_renameat2, SYS_unlinkat,
                               SYS_symlinkat, SYS_linkat,  SYS_mknodat,   SYS_write,    SYS_pwrite64,  SYS_ftruncate,
                               SYS_fallocate, SYS_fsync,   SYS_fdatasync, SYS_syncfs,   SYS_fchmodat,  SYS_fchmod,
                               SYS_utimensat, SYS_flock,   SYS_fsetxattr, SYS_mkdir,    SYS_rename,    SYS_unlink};

int errno_of(Fault fault) {
  switch (fault) {
    case Fault::no_space:
      return ENOSPC;
    case Fault::io_error:
      return EIO;
    default:
      return EMFILE;
  }
}

// Which calls can fail that way.
bool is_struck(Fault fault, long number) {
  bool opens = number == SYS_openat || number == SYS_openat2;
  if (fault == Fault::too_many_files) return opens;
  if (fault == Fault::no_space && (number == SYS_flock || number == SYS_unlinkat)) return false;
  return std::find(std::begin(k_changing), std::end(k_changing), number) != std::end(k_changing);
}

long call_number(pid_t pid) {
  struct __ptrace_syscall_info info{};
  if (::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), pid, sizeof info, &info) <= 0) return -1;
  return info.op == PTRACE_SYSCALL_INFO_ENTRY ? static_cast<long>(info.entry.nr) : -1;
}

#if defined(__x86_64__)
// At the entry: no call at all. At the exit: its answer.
void replace_call(pid_t pid, int error) {
  struct user_regs_struct regs{};
  REQUIRE(::ptrace(PTRACE_GETREGS, pid, nullptr, &regs) == 0);
  regs.orig_rax = static_cast<unsigned long long>(-1);
  REQUIRE(::ptrace(PTRACE_SETREGS, pid, nullptr, &regs) == 0);
  REQUIRE(::ptrace(PTRACE_SYSCALL, pid, nullptr, nullptr) == 0);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(::ptrace(PTRACE_GETREGS, pid, nullptr, &regs) == 0);
  regs.rax = static_cast<unsigned long long>(-static_cast<long long>(error));
  REQUIRE(::ptrace(PTRACE_SETREGS, pid, nullptr, &regs) == 0);
}
#else
void replace_call(pid_t, int) {}
#endif

pid_t start(const std::function<bool()>& act) {
  pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    bool ready = ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 && ::raise(SIGSTOP) == 0;
    ::_exit(ready && act() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFSTOPPED(status));
  REQUIRE(::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
  return pid;
}

}  // namespace

Traced run_with_fault(Fault fault, int number, const std::function<bool()>& act) {
  Traced result;
  pid_t pid = start(act);
  int count = 0;
  int deliver = 0;
  while (true) {
    REQUIRE(::ptrace(PTRACE_SYSCALL, pid, nullptr, deliver) == 0);
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      result.is_done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
      result.is_crash = WIFSIGNALED(status);
      return result;
    }
    bool at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
    deliver = at_call ? 0 : WSTOPSIG(status);
    if (!at_call || !is_struck(fault, call_number(pid)) || ++count != number) continue;
    result.is_hit = true;
    if (fault != Fault::kill) {
      replace_call(pid, errno_of(fault));
      continue;
    }
    REQUIRE(::kill(pid, SIGKILL) == 0);
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    return result;
  }
}

bool can_inject_errors() {
#if defined(__x86_64__)
  return true;
#else
  return false;
#endif
}

}  // namespace ctr::storage::testing

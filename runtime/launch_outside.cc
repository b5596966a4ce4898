// Settings of the process that take rights on the host: the launcher, root there, makes them while the process waits.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/launch_core.h"

namespace ctr::runtime {
namespace {

// The process itself sets soft and hard limit, and may lower both. Raising the hard one is all it has no right to.
int raise_hard_limit(pid_t pid, const ChildOp& op) {
  const auto resource = static_cast<__rlimit_resource>(op.x);
  rlimit limit{};
  if (::prlimit(pid, resource, nullptr, &limit) < 0) return errno;
  if (op.z <= limit.rlim_max) return 0;
  limit.rlim_max = op.z;
  return ::prlimit(pid, resource, &limit, nullptr) < 0 ? errno : 0;
}

int write_proc_file(pid_t pid, const char* name, std::string_view content) {
  const auto file = open_path(fmt::format("/proc/{}/{}", pid, name), O_WRONLY);
  if (!file) return file.error().sys();
  return ::write(file->get(), content.data(), content.size()) < 0 ? errno : 0;
}

// 0, or the errno.
int apply(const ChildProgram& program, const ChildOp& op, pid_t pid) {
  const char* text = program.arena.data() + op.text;
  switch (op.kind) {
    case ChildOpKind::write_file:
      return write_proc_file(pid, text, program.arena.data() + op.more);
    case ChildOpKind::set_rlimit:
      return raise_hard_limit(pid, op);
    case ChildOpKind::set_io_priority:
      return ::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, op.x) < 0 ? errno : 0;
    case ChildOpKind::set_scheduler:
      return ::syscall(SYS_sched_setattr, pid, text, 0) < 0 ? errno : 0;
    default:
      return ENOSYS;
  }
}

}  // namespace

Result<void> apply_outside(const ChildProgram& program, pid_t pid) {
  for (size_t i = 0; i < program.outside.size(); ++i) {
    const ChildOp& op = program.outside[i];
    if (const int sys = apply(program, op, pid); sys != 0) return act_error(program.outside_words[i], op.kind, sys);
  }
  return ok();
}

}  // namespace ctr::runtime

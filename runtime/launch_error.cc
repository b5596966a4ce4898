// From {step, errno} of the child to words.
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "runtime/launch_core.h"

namespace ctr::runtime {
namespace {

// 126 and 127 come from the kind of the step, not from errno alone: a missing bind source is not a missing command.
Error execute_error(const std::string& command, const ChildReport& report) {
  const std::string name = printable(command);
  const int sys = report.error;
  if (report.detail == ChildReport::k_is_directory) {
    return Error(Errc::command_not_executable,
                 fmt::format("the path `{}` is not a regular file: {}", name, std::strerror(sys)))
        .with_sys(sys)
        .with_hint("what stands behind the image is the program to run");
  }
  if (report.detail == ChildReport::k_interpreter_missing) {
    return Error(Errc::command_not_found,
                 fmt::format("the interpreter or loader of `{}` is missing: {}", name, std::strerror(sys)))
        .with_sys(sys)
        .with_hint("the image lacks what the first line of the script names, or the C library that the program is for");
  }
  if (sys == ENOENT || sys == ENOTDIR) {
    const bool searched = name.find('/') == std::string::npos;
    return Error(Errc::command_not_found, fmt::format("executable file `{}` not found{}: {}", name,
                                                      searched ? " in $PATH" : "", std::strerror(sys)))
        .with_sys(sys)
        .with_hint("name a program that the image has, or its whole path");
  }
  return Error(Errc::command_not_executable, fmt::format("execute `{}`: {}", name, std::strerror(sys))).with_sys(sys);
}

// `words` are "running startContainer hook #1"; the whole is worded as runc words it.
Error hook_error(const std::string& words, const ChildReport& report) {
  std::string reason;
  switch (report.detail) {
    case ChildReport::k_hook_exit:
      reason = fmt::format("exit status {}", report.error);
      break;
    case ChildReport::k_hook_signal:
      reason = fmt::format("signal {}", report.error);
      break;
    case ChildReport::k_hook_late:
      reason = "hook ran past its timeout";
      break;
    default:
      return Error::from_errno("error " + words, report.error);
  }
  if (const auto said = trim(report.words); !said.empty()) reason += fmt::format(": {}", printable(said));
  return Error(Errc::io, fmt::format("error {}: {}", words, reason));
}

std::string hint_for(ChildOpKind kind, int sys) {
  switch (kind) {
    case ChildOpKind::mount_overlay:
      return "see `ctr doctor`: it checks whether this file system can carry overlays in a user namespace";
    case ChildOpKind::new_session_keyring:
      return sys == EDQUOT ? "raise the sysctls kernel.keys.maxkeys and kernel.keys.maxbytes" : "";
    case ChildOpKind::open_target:
      if (sys == ELOOP) return "the image has a symbolic link in this place, which would lead the mount astray";
      if (sys == EXDEV) return "a symbolic link leads this mount into '/proc'";
      return "";
    case ChildOpKind::set_mount:
      return sys == EINVAL ? "nothing is mounted in this place, or not in a way that can be changed so" : "";
    case ChildOpKind::make_mount:
      return sys == EPERM ? "inside another container, parts of /proc or /sys may be hidden by that container" : "";
    case ChildOpKind::set_rlimit:
      return sys == EPERM ? "the hard limit of the caller is lower; only root may raise it" : "";
    case ChildOpKind::set_scheduler:
      if (sys == EPERM) {
        return "real-time policies and higher priorities take CAP_SYS_NICE on the host, and SCHED_DEADLINE takes all "
               "CPUs: process.scheduler cannot be used together with linux.resources.cpu.cpus";
      }
      return sys == EBUSY ? "the CPUs have no time left for SCHED_DEADLINE of this runtime and period" : "";
    case ChildOpKind::set_io_priority:
      return sys == EPERM ? "IOPRIO_CLASS_RT takes CAP_SYS_NICE on the host" : "";
    case ChildOpKind::set_cpus:
      return sys == EINVAL ? "none of these CPUs is online and in the container's cpuset" : "";
    case ChildOpKind::set_memory_policy:
      return sys == EINVAL ? "the mode does not go with these nodes and flags, or none of the nodes is there" : "";
    default:
      return "";
  }
}

}  // namespace

Error act_error(const std::string& words, ChildOpKind kind, int sys) {
  Error error = Error::from_errno(words, sys);
  std::string hint = hint_for(kind, sys);
  if (hint.empty()) return error;
  return std::move(error).with_hint(std::move(hint));
}

namespace {

Error step_error(const StepWords& step, const std::string& command, const ChildReport& report) {
  if (report.detail == ChildReport::k_server_ended) {
    return Error(Errc::io, fmt::format("{}: fuse-overlayfs has ended: {}", step.words, printable(trim(report.words))));
  }
  if (step.kind == ChildOpKind::execute || step.kind == ChildOpKind::find_program) {
    return execute_error(command, report);
  }
  if (step.kind == ChildOpKind::run_hook) return hook_error(step.words, report);
  if (report.detail == ChildReport::k_wrong_namespace) {
    return Error(Errc::invalid, step.words + ": it is no namespace of this type");
  }
  return act_error(step.words, step.kind, report.error);
}

Error nonsense() { return Error(Errc::internal, "the container's first process spoke nonsense"); }

std::string command_of(const ChildProgram& program) {
  return program.argv.empty() ? "" : program.arena.c_str() + program.argv[0];
}

}  // namespace

Error step_error(const ChildProgram& program, const ChildReport& report) {
  if (report.step >= program.ops.size()) return nonsense();
  return step_error({.kind = program.ops[report.step].kind, .words = program.words[report.step]}, command_of(program),
                    report);
}

Error step_error(const LaterSteps& later, const ChildReport& report) {
  if (report.step < later.first || report.step - later.first >= later.steps.size()) return nonsense();
  return step_error(later.steps[report.step - later.first], later.command, report);
}

LaterSteps later_steps(const ChildProgram& program) {
  LaterSteps out;
  if (program.first_later_step == 0) return out;
  out.first = program.first_later_step;
  out.command = command_of(program);
  out.hands_over_listener = program.hands_over_listener;
  for (size_t i = out.first; i < program.ops.size(); ++i) {
    out.steps.push_back({.kind = program.ops[i].kind, .words = program.words[i]});
  }
  return out;
}

}  // namespace ctr::runtime

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "runtime/compile_parts.h"

namespace ctr::runtime {
namespace {

// What execvp(3) searches when there is no PATH: what container tools agree on rather than confstr's "/bin:/usr/bin".
constexpr std::string_view k_default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

constexpr std::array<std::pair<std::string_view, int>, 16> k_rlimits = {{
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_STACK", RLIMIT_STACK},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
}};

Result<void> emit_rlimits(const SpecProcess& process, ProgramBuilder* out) {
  std::vector<std::string_view> seen;
  for (const SpecRlimit& limit : process.rlimits) {
    const auto found =
        std::find_if(k_rlimits.begin(), k_rlimits.end(), [&](const auto& known) { return known.first == limit.type; });
    if (found == k_rlimits.end()) return Error(Errc::invalid, fmt::format("'{}' is no resource limit", limit.type));
    if (std::find(seen.begin(), seen.end(), limit.type) != seen.end()) {
      return Error(Errc::invalid, fmt::format("resource limit '{}' is given twice", limit.type));
    }
    seen.push_back(limit.type);
    out->act(fmt::format("set {} to {}:{}", limit.type, limit.soft, limit.hard));
    out->add(
        {.kind = ChildOpKind::set_rlimit, .x = static_cast<uint64_t>(found->second), .y = limit.soft, .z = limit.hard});
  }
  return ok();
}

// The terminal or the streams become 0, 1 and 2; extra descriptors follow.
void emit_descriptors(const CompileInput& input, ProgramBuilder* out) {
  out->act("connect the standard streams");
  for (int i = 0; i < 3; ++i) {
    const int source = input.process.terminal ? k_register_console + 1 : k_register_stdin + i;
    out->add({.kind = ChildOpKind::move_fd, .a = static_cast<int16_t>(source), .x = static_cast<uint64_t>(i)});
  }
  if (input.process.terminal) {
    out->act("make the terminal the controlling one");
    out->add({.kind = ChildOpKind::set_console});
  }
}

void emit_extra_descriptors(const CompileInput& input, ProgramBuilder* out) {
  out->act("close all other descriptors");
  out->add({.kind = ChildOpKind::close_on_exec, .x = 3});
  for (size_t i = 0; i < input.options.extra_fds; ++i) {
    out->add(
        {.kind = ChildOpKind::move_fd, .a = static_cast<int16_t>(k_register_extra + static_cast<int>(i)), .x = 3 + i});
  }
}

std::string_view path_of(const std::vector<std::string>& env) {
  for (const std::string& entry : env) {
    if (entry.starts_with("PATH=")) return std::string_view(entry).substr(5);
  }
  return k_default_path;
}

// The files execve is tried on, in order. Source: execvp(3).
std::vector<std::string> program_candidates(const SpecProcess& process) {
  const std::string& name = process.args[0];
  if (name.find('/') != std::string::npos) return {name};
  std::vector<std::string> candidates;
  for (const std::string& directory : split(path_of(process.env), ':')) {
    candidates.push_back(directory.empty() ? "./" + name : directory + "/" + name);
  }
  return candidates;
}

Result<void> check_text(const SpecProcess& process) {
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  if (process.args.empty()) return Error(Errc::invalid, "no command is given");
  for (const std::string& word : process.args) {
    if (has_nul(word)) return Error(Errc::invalid, "a word of the command contains a NUL byte");
  }
  for (const std::string& entry : process.env) {
    if (has_nul(entry)) return Error(Errc::invalid, "an environment variable contains a NUL byte");
  }
  if (!process.cwd.starts_with('/') || has_nul(process.cwd)) {
    return Error(Errc::invalid, fmt::format("working directory '{}' is not an absolute path", printable(process.cwd)));
  }
  return ok();
}

// Places what execve takes, and returns where the candidates are.
uint32_t place_program(const SpecProcess& process, ProgramBuilder* out) {
  for (const std::string& word : process.args) out->program().argv.push_back(out->text(word));
  for (const std::string& entry : process.env) out->program().envp.push_back(out->text(entry));
  std::vector<std::string> candidates = program_candidates(process);
  // An empty name ends the list; execve would say ENOENT to it.
  std::erase(candidates, "");
  return out->text_list(candidates);
}

// What a container that waits for its start holds open: nothing of the host but the way to be started.
void emit_close_others(const CompileInput& input, ProgramBuilder* out) {
  constexpr std::array<int16_t, 4> k_kept = {k_register_go, k_register_report, k_register_waiting, k_register_start};
  const std::string raw(reinterpret_cast<const char*>(k_kept.data()), sizeof k_kept);
  out->act("close what the container does not need");
  out->add({.kind = ChildOpKind::close_others,
            .text = out->bytes(raw),
            .x = 3 + input.options.extra_fds,
            .y = k_kept.size()});
}

}  // namespace

Result<void> emit_process(const CompileInput& input, int16_t root, ProgramBuilder* out) {
  const SpecProcess& process = input.process;
  TRY(check_text(process));
  out->act(fmt::format("change to working directory '{}'", process.cwd));
  const int16_t cwd = out->take_register();
  const std::string relative = clean_destination(process.cwd).substr(1);
  // Links of procfs to descriptors are no way into a directory (CVE-2024-21626).
  if (input.options.make_cwd) {
    out->add({.kind = ChildOpKind::open_target,
              .a = cwd,
              .b = root,
              .text = out->text(relative.empty() ? "." : relative),
              .x = k_target_directory | k_target_not_proc,
              .y = 0755});
  } else {
    out->add({.kind = ChildOpKind::open_in_root,
              .a = cwd,
              .b = root,
              .text = out->text(relative.empty() ? "." : relative),
              .x = O_PATH | O_DIRECTORY,
              .z = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS});
  }
  out->add({.kind = ChildOpKind::change_dir, .a = cwd});
  out->close_register(cwd);
  TRY(emit_rlimits(process, out));
  out->act("start a session");
  out->add({.kind = ChildOpKind::set_session});
  emit_descriptors(input, out);
  emit_extra_descriptors(input, out);
  out->add({.kind = ChildOpKind::set_umask, .x = process.user.umask.value_or(022)});
  out->add({.kind = ChildOpKind::reset_signals});
  const CapabilitySets sets = TRY(emit_privileges(input, out));
  const uint32_t candidates = place_program(process, out);
  emit_lifetime(input, out);
  if (input.options.start != CompileOptions::Start::at_go) {
    out->act(fmt::format("find '{}'", process.args[0]));
    out->add({.kind = ChildOpKind::find_program, .text = candidates});
    emit_close_others(input, out);
    emit_wait_ready(input, out);
  }
  emit_last_privileges(input, sets, out);
  out->act(fmt::format("execute '{}'", process.args[0]));
  out->add({.kind = ChildOpKind::execute, .text = candidates});
  return ok();
}

void emit_wait_ready(const CompileInput& input, ProgramBuilder* out) {
  ChildProgram& program = out->program();
  out->act("wait for the start");
  out->add({.kind = ChildOpKind::report_ready});
  out->add({.kind = ChildOpKind::wait_go});
  program.waits_before_exec = true;
  if (input.options.start != CompileOptions::Start::by_socket) return;
  out->add({.kind = ChildOpKind::close_fd, .a = k_register_go});
  out->add({.kind = ChildOpKind::close_fd, .a = k_register_report});
  out->add({.kind = ChildOpKind::wait_start, .a = k_register_start});
  program.first_later_step = program.ops.size();
}

}  // namespace ctr::runtime

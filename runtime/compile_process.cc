#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>

#include <algorithm>
#include <csignal>

#include "base/text.h"
#include "runtime/compile_parts.h"

namespace ctr::runtime {
namespace {

// What execvp(3) searches when there is no PATH: what container tools agree on rather than confstr's "/bin:/usr/bin".
constexpr std::string_view k_default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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
    if ((input.options.absent_extra_fds >> i & 1) != 0) continue;
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
  // execvp(3): an empty name is no file, whatever PATH says.
  if (name.empty()) return {};
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

void emit_lifetime(const CompileInput& input, ProgramBuilder* out) {
  // A change of user clears it (prctl(2), PR_SET_PDEATHSIG).
  out->act("end with the launcher, or not");
  out->add({.kind = ChildOpKind::set_parent_death_signal,
            .x = input.options.with_launcher ? uint64_t{SIGKILL} : uint64_t{0}});
}

// Places what execve takes, and returns where the candidates are.
uint32_t place_program(const SpecProcess& process, std::optional<uint32_t> home, ProgramBuilder* out) {
  for (const std::string& word : process.args) out->program().argv.push_back(out->text(word));
  for (const std::string& entry : process.env) {
    if (!home || entry != "HOME=") out->program().envp.push_back(out->text(entry));
  }
  if (home) out->program().envp.push_back(*home);
  return out->text_list(program_candidates(process));
}

uint32_t place_registers(const std::vector<int16_t>& registers, ProgramBuilder* out) {
  return out->bytes({reinterpret_cast<const char*>(registers.data()), registers.size() * sizeof(int16_t)});
}

// What a container that waits for its start holds open: its own namespaces, and of the host nothing but the way to be
// started and where its last hooks print.
void emit_close_for_wait(const CompileInput& input, ProgramBuilder* out) {
  std::vector<int16_t> kept = {k_register_go, k_register_report, k_register_waiting, k_register_start};
  for (const int16_t file : out->program().namespace_registers) kept.push_back(file);
  if (!input.spec.hooks.start_container.empty()) {
    for (const int i : {0, 1}) kept.push_back(static_cast<int16_t>(k_register_hook_output + i));
  }
  out->act("close what the container does not need");
  emit_close_others(kept, 3 + input.options.extra_fds, out);
}

// Room for the longest directory op_set_home takes.
constexpr size_t k_home_room = 4096;

// The place of HOME in the environment, to be filled in by set_home when the spec has none or an empty one.
// Source: what runc and crun do; the runtime specification is silent.
std::optional<uint32_t> emit_home(const SpecProcess& process, ProgramBuilder* out) {
  for (const std::string& entry : process.env) {
    if (entry.starts_with("HOME=") && entry != "HOME=") return std::nullopt;
  }
  out->act(fmt::format("look up the home directory of user {}", process.user.uid));
  const uint32_t home = out->text("HOME=/" + std::string(k_home_room, '\0'));
  out->add({.kind = ChildOpKind::set_home, .text = home, .x = process.user.uid});
  return home;
}

// Where the process goes, and where it tries to go again once it is the user. Links of procfs to descriptors are no way
// into a directory (CVE-2024-21626).
struct WorkingDirectory {
  int16_t cwd = -1;
  int16_t root = -1;
  std::string relative;
  std::string words;
};

WorkingDirectory emit_change_dir(const CompileInput& input, int16_t root, ProgramBuilder* out) {
  WorkingDirectory place{.cwd = out->take_register(), .root = root, .relative = {}, .words = {}};
  place.words = fmt::format("change to working directory '{}'", input.process.cwd);
  place.relative = clean_destination(input.process.cwd).substr(1);
  if (place.relative.empty()) place.relative = ".";
  out->act(place.words);
  const uint64_t existence = input.options.make_cwd ? 0 : k_target_must_exist;
  out->add({.kind = ChildOpKind::open_target,
            .a = place.cwd,
            .b = root,
            .text = out->text(place.relative),
            .x = k_target_directory | k_target_may_be_denied | existence,
            .y = 0755});
  out->add({.kind = ChildOpKind::change_dir, .a = place.cwd, .x = 1});
  return place;
}

void emit_retry_dir(const WorkingDirectory& place, ProgramBuilder* out) {
  out->act(place.words);
  out->add({.kind = ChildOpKind::retry_dir, .a = place.cwd, .b = place.root, .text = out->text(place.relative)});
}

// A process that is to be set up from outside waits for it.
Result<void> emit_outside_wait(const CompileInput& input, ProgramBuilder* out) {
  TRY(emit_outside(input, out));
  ChildProgram& program = out->program();
  if (program.outside.empty() || program.waits_before_exec) return ok();
  out->act("wait for the settings from outside");
  out->add({.kind = ChildOpKind::report_ready});
  out->add({.kind = ChildOpKind::wait_go});
  program.waits_for_outside = true;
  return ok();
}

}  // namespace

Result<void> emit_process(const CompileInput& input, int16_t root, ProgramBuilder* out) {
  const SpecProcess& process = input.process;
  TRY(check_text(process));
  TRY(emit_outside_wait(input, out));
  const WorkingDirectory place = emit_change_dir(input, root, out);
  const std::optional<uint32_t> home = emit_home(process, out);
  TRY(emit_rlimits(input, out));
  out->act("start a session");
  out->add({.kind = ChildOpKind::set_session});
  TRY(emit_scheduling(input, out));
  emit_descriptors(input, out);
  emit_extra_descriptors(input, out);
  out->add({.kind = ChildOpKind::set_umask, .x = process.user.umask.value_or(022)});
  out->add({.kind = ChildOpKind::reset_signals});
  const CapabilitySets sets = TRY(emit_identity(input, out));
  emit_retry_dir(place, out);
  emit_rights(input, sets, out);
  const uint32_t candidates = place_program(process, home, out);
  emit_lifetime(input, out);
  if (input.options.start != CompileOptions::Start::at_go) {
    out->act(fmt::format("find '{}'", process.args[0]));
    out->add({.kind = ChildOpKind::find_program, .text = candidates});
    emit_close_for_wait(input, out);
    emit_wait_ready(input, out);
  }
  emit_last_rights(input, sets, out);
  if (!input.is_exec) TRY(emit_hooks(input, input.spec.hooks.start_container, "startContainer", "", out));
  out->act(fmt::format("execute '{}'", process.args[0]));
  out->add({.kind = ChildOpKind::execute, .text = candidates});
  return ok();
}

void emit_close_others(const std::vector<int16_t>& kept, uint64_t first, ProgramBuilder* out) {
  out->add({.kind = ChildOpKind::close_others, .text = place_registers(kept, out), .x = first, .y = kept.size()});
}

void emit_stay(Orphans orphans, ProgramBuilder* out) {
  out->act("close all other descriptors");
  emit_close_others({k_register_report}, 3, out);
  out->act("stay");
  out->add({.kind = ChildOpKind::close_fd, .a = k_register_report});
  out->add({.kind = ChildOpKind::stay, .x = orphans == Orphans::reaped ? uint64_t{1} : uint64_t{0}});
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
  const std::vector<int16_t>& namespaces = program.namespace_registers;
  out->add({.kind = ChildOpKind::wait_start,
            .a = k_register_start,
            .text = place_registers(namespaces, out),
            .x = namespaces.size()});
  program.first_later_step = program.ops.size();
}

}  // namespace ctr::runtime

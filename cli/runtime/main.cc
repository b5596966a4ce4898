#include "cli/runtime/main.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/runtime/command.h"
#include "cli/runtime/help.h"
#include "cli/runtime/log.h"
#include "cli/version.h"
#include "runtime/container/state_root.h"
#include "runtime/own_binary.h"

namespace ctr::cli::runtime {
namespace {

constexpr size_t k_heap_bytes = size_t{96} << 10;
constexpr size_t k_stack_bytes = size_t{40} << 10;

constexpr std::array<std::string_view, 3> k_names = {"crun", "ctr-runtime", "runc"};

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

Result<void> set_log(const RuntimeArgs& args, Log& log) {
  const std::string format = args.text("log-format", "text");
  if (format != "text" && format != "json") {
    return wrong(fmt::format("--log-format is text or json, not '{}'", printable(format)));
  }
  log.set_format(format == "json" ? Log::Format::json : Log::Format::text);
  if (args.flag("debug") || args.text("log-level") == "debug") log.set_debug();
  if (const std::string target = args.text("log"); !target.empty()) TRY(log.open(target));
  return ok();
}

Result<Globals> read_globals(const RuntimeArgs& args, const Environment& environment) {
  Globals globals;
  globals.root =
      args.has("root") ? TRY(absolute_path(args.text("root"))) : TRY(ctr::runtime::default_state_root(environment));
  const std::string cgroup_manager = args.text("cgroup-manager", args.flag("systemd-cgroup") ? "systemd" : "cgroupfs");
  const auto manager = ctr::runtime::parse_cgroup_manager(cgroup_manager);
  if (!manager) {
    return wrong(fmt::format("--cgroup-manager is cgroupfs, systemd or disabled, not '{}'", printable(cgroup_manager)));
  }
  globals.cgroup_manager = *manager;
  globals.debug = args.flag("debug");
  return globals;
}

const RuntimeCommand* find_command(std::string_view name) {
  for (const RuntimeCommand* command : all_runtime_commands()) {
    if (command->name == name) return command;
  }
  return nullptr;
}

Result<void> check_count(const RuntimeCommand& command, const RuntimeArgs& args) {
  if (args.words().size() < command.least_words) {
    return wrong(fmt::format("'{}' needs {}: {}", command.name, command.least_words == 1 ? "an argument" : "arguments",
                             command.usage));
  }
  if (command.most_words != RuntimeCommand::k_any_words && args.words().size() > command.most_words) {
    return wrong(
        fmt::format("'{}' does not take the argument '{}'", command.name, printable(args.words()[command.most_words])));
  }
  return ok();
}

void print(std::string_view text) { write_all(STDOUT_FILENO, text, "stdout").ignore("nowhere to say so"); }

// One call: from the words to the exit code.
class Call {
 public:
  Call(const std::string& program, const Environment& environment, Log& log)
      : program_(program), environment_(environment), log_(log) {}

  int run(const std::vector<std::string>& words) {
    auto code = dispatch(words);
    if (code) return *code;
    log_.error(code.error());
    return failure_code_;
  }

 private:
  Result<int> dispatch(const std::vector<std::string>& words) {
    const RuntimeArgs args = TRY(parse_runtime_args(global_options(), words, Trailing::command));
    if (args.flag("help")) return print(program_help(program_)), 0;
    if (args.flag("version")) return print(version_text(program_)), 0;
    TRY(set_log(args, log_));
    if (args.words().empty()) return wrong(fmt::format("a command is missing: see '{} --help'", program_));
    const std::string& name = args.words()[0];
    if (name == "help") return print(program_help(program_)), 0;
    const RuntimeCommand* command = find_command(name);
    if (command == nullptr)
      return wrong(fmt::format("unknown command '{}': see '{} --help'", printable(name), program_));
    return run_command(*command, args);
  }

  Result<int> run_command(const RuntimeCommand& command, const RuntimeArgs& global) {
    failure_code_ = command.failure_code;
    const std::vector<std::string> rest(global.words().begin() + 1, global.words().end());
    if (!rest.empty() && (rest[0] == "--help" || rest[0] == "-h")) return print(command_help(program_, command)), 0;
    const RuntimeArgs args = TRY(parse_runtime_args(command.options, rest, command.trailing));
    TRY(check_count(command, args));
    // Of root's containers most could write to it. To find out which cannot takes longer than the protection, and all
    // of it would be done twice.
    if (command.starts_programs && ::geteuid() == 0) TRY(ctr::runtime::run_protected());
    RuntimeContext context{.program = program_,
                           .globals = TRY(read_globals(global, environment_)),
                           .environment = environment_,
                           .log = log_};
    return command.run(context, args);
  }

  const std::string& program_;
  const Environment& environment_;
  Log& log_;
  int failure_code_ = 1;
};

}  // namespace

bool is_runtime_name(std::string_view argv0) {
  return std::find(k_names.begin(), k_names.end(), last_part(argv0)) != k_names.end();
}

int run_runtime(const std::string& program, const std::vector<std::string>& words, char** environment_block) {
  // What the start of a container takes of both.
  prefault_heap(k_heap_bytes);
  prefault_stack(k_stack_bytes);
  const Environment environment = read_environment(environment_block);
  Log log;
  return Call(program, environment, log).run(words);
}

}  // namespace ctr::cli::runtime

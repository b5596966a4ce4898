#include "cli/dispatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cli/dialect.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/version.h"

namespace ctr::cli {
namespace {

constexpr std::array k_global_options = {
    value("cgroup-manager", 0, "NAME", "Who makes cgroups: systemd, cgroupfs or disabled"),
    flag("help", 0, "Print help"),
    value("imagestore", 0, "DIR", "Keep images in DIR, apart from the containers", Complete::directories),
    value("log-level", 0, "LEVEL", "Messages on stderr: error, warn, info or debug"),
    value("root", 0, "DIR", "Keep images and containers in DIR", Complete::directories),
    value("runroot", 0, "DIR", "Keep sockets and other passing state in DIR", Complete::directories),
    value("storage-driver", 0, "NAME", "Only overlay"),
    list("storage-opt", 0, "KEY=VALUE", "An option of storage.conf, such as imagestore=DIR for more images"),
    flag("version", 'v', "Print the version"),
};

constexpr Command k_global = {.name = "",
                              .aliases = {},
                              .usage = "[options] COMMAND",
                              .summary = "",
                              .options = {group<k_global_options>},
                              .positionals = Positionals::end_options};

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

Result<void> apply_globals(const Args& args, GlobalOptions& global) {
  static constexpr std::array<std::string_view, 8> k_levels = {"trace",   "debug", "info",  "warn",
                                                               "warning", "error", "fatal", "panic"};
  static constexpr std::array<std::string_view, 3> k_managers = {"systemd", "cgroupfs", "disabled"};
  if (args.has("root")) global.root = args.text("root");
  if (args.has("runroot")) global.runroot = args.text("runroot");
  if (args.has("log-level")) {
    const std::string level = to_lower(args.text("log-level"));
    if (std::find(k_levels.begin(), k_levels.end(), level) == k_levels.end()) {
      return wrong(
          fmt::format("log level \"{}\" is not supported: choose from trace, debug, info, warn, warning, error, "
                      "fatal, panic",
                      printable(level)));
    }
    global.debug = level == "debug" || level == "trace";
  }
  if (args.has("cgroup-manager")) {
    global.cgroup_manager = args.text("cgroup-manager");
    if (std::find(k_managers.begin(), k_managers.end(), global.cgroup_manager) == k_managers.end()) {
      return wrong(
          fmt::format("--cgroup-manager {}: choose systemd, cgroupfs or disabled", printable(global.cgroup_manager)));
    }
  }
  // They may stand behind the command as well.
  if (args.has("storage-driver")) global.storage.driver = args.text("storage-driver");
  if (args.has("imagestore")) global.storage.image_store = args.text("imagestore");
  for (auto& option : args.list("storage-opt")) global.storage.options.push_back(option);
  return ok();
}

Error unrecognized(const std::string& program, std::string_view group, std::string_view word) {
  const std::string prefix = group.empty() ? program : fmt::format("{} {}", program, group);
  return wrong(fmt::format("unrecognized command `{} {}`", prefix, printable(word)))
      .with_hint(fmt::format("Try '{} --help' for more information", prefix));
}

Error missing_command(const std::string& program, std::string_view group) {
  const std::string prefix = group.empty() ? program : fmt::format("{} {}", program, group);
  return wrong(fmt::format("missing command '{} COMMAND'", prefix))
      .with_hint(fmt::format("Try '{} --help' for more information", prefix));
}

Result<void> parse_group(const std::string& program, const std::vector<std::string>& words, CommandLine& line) {
  const std::string& name = words[0];
  if (words.size() == 1) return missing_command(program, name);
  if (words[1] == "--help" || words[1] == "-h") {
    line.group = name;
    line.global.help = true;
    return ok();
  }
  return unrecognized(program, name, words[1]);
}

Result<void> parse_words(const std::string& program, std::vector<std::string> words, CommandLine& line) {
  bool asked_for_help = false;
  if (!words.empty() && words[0] == "help") {
    words.erase(words.begin());
    asked_for_help = true;
    if (words.empty()) return line.global.help = true, ok();
  }
  if (words.empty()) return missing_command(program, "");
  const auto found = find_command(words);
  if (found.command == nullptr) {
    if (is_command_group(words[0])) return parse_group(program, words, line);
    return unrecognized(program, "", words[0]);
  }
  line.command = found.command;
  if (asked_for_help) return line.command_help = true, ok();
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(found.words));
  if (line.command->hidden) {
    line.args = Args(line.command, {}, std::move(words));
    return ok();
  }
  // Help is given whatever else is missing or wrong behind it.
  if (!words.empty() && words[0] == "--help") return line.command_help = true, ok();
  auto args = parse_args(*line.command, words);
  if (!args) {
    if (!args.error().hint().empty()) return std::move(args).error();
    const bool refused = args.error().code() == Errc::unsupported;
    if (refused) return std::move(args).error();
    return usage_error(program, *line.command, args.error().message());
  }
  line.args = std::move(args).value();
  line.command_help = line.args.flag("help");
  return apply_globals(line.args, line.global);
}

}  // namespace

const Command& global_command() { return k_global; }

Error usage_error(std::string_view program, const Command& command, std::string message) {
  const std::string_view blank = command.name.empty() ? "" : " ";
  return Error(Errc::invalid, std::move(message))
      .with_hint(fmt::format("See '{}{}{} --help'", program, blank, command.name));
}

Result<CommandLine> parse_command_line(const std::string& program, const std::vector<std::string>& words) {
  CommandLine line;
  // A lone -h means help here; behind run it is the host's name.
  if (!words.empty() && words[0] == "-h") return line.global.help = true, line;
  auto args = parse_args(k_global, words);
  if (!args) return usage_error(program, k_global, args.error().message());
  TRY(apply_globals(*args, line.global));
  line.global.version = args->flag("version");
  line.global.help = args->flag("help");
  if (line.global.version || line.global.help) return line;
  TRY(parse_words(program, args->words(), line));
  return line;
}

int exit_code_for(const Error& error) {
  switch (error.code()) {
    case Errc::command_not_found:
      return 127;
    case Errc::command_not_executable:
      return 126;
    case Errc::interrupted:
      return k_interrupted_code;
    default:
      return 125;
  }
}

int run_command_line(Context& context, const CommandLine& line) {
  Output& output = context.output();
  int code = 0;
  if (line.command != nullptr && line.command_help) {
    output.print(command_help(context.program(), *line.command));
  } else if (line.command != nullptr) {
    auto result = line.command->run(context, line.args);
    if (!result) output.error(result.error());
    code = result ? *result : exit_code_for(result.error());
  } else if (line.global.version) {
    output.line(fmt::format("{} version {}", context.program(), k_version));
  } else if (!line.group.empty()) {
    output.print(group_help(context.program(), line.group));
  } else {
    output.print(program_help(context.program()));
  }
  auto flushed = output.flush();
  if (flushed) return code;
  output.error(flushed.error());
  return code == 0 ? 125 : code;
}

}  // namespace ctr::cli

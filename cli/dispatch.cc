#include "cli/dispatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cli/dialect.h"
#include "cli/help.h"
#include "cli/nearest.h"
#include "cli/output.h"
#include "cli/refused.h"
#include "cli/version.h"

namespace ctr::cli {
namespace {

constexpr std::array k_global_options = {
    value("cgroup-manager", 0, "NAME", "Who makes cgroups: systemd, cgroupfs or disabled"),
    flag("debug", 'D', "Print messages on stderr that help to find mistakes: as --log-level debug"),
    value("error-format", 0, "FORMAT", "How errors and warnings are written: text or json"),
    value("events-backend", 0, "NAME", "Where events are kept: file, journald or none"),
    flag("help", 0, "Print help"),
    value("imagestore", 0, "DIR", "Keep images in DIR, apart from the containers", Complete::directories),
    value("log-level", 0, "LEVEL", "Messages on stderr: error, warn, info or debug"),
    value("root", 0, "DIR", "Keep images and containers in DIR", Complete::directories),
    value("runroot", 0, "DIR", "Keep sockets and other passing state in DIR", Complete::directories),
    value("runtime", 0, "RUNTIME", "The runtime of containers that are created, unless they name one"),
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
  static constexpr std::array<std::string_view, 3> k_backends = {"file", "journald", "none"};
  static constexpr std::array<std::string_view, 3> k_managers = {"systemd", "cgroupfs", "disabled"};
  if (args.has("root")) global.root = args.text("root");
  if (args.has("runroot")) global.runroot = args.text("runroot");
  if (args.has("runtime")) global.runtime = args.text("runtime");
  if (args.has("error-format")) {
    global.error_format = args.text("error-format");
    (void)TRY(wants_json_errors(global.error_format, {}));
  }
  if (args.has("events-backend")) {
    global.events_backend = args.text("events-backend");
    if (std::find(k_backends.begin(), k_backends.end(), global.events_backend) == k_backends.end()) {
      return wrong(fmt::format("--events-backend {}: choose file, journald or none", printable(global.events_backend)));
    }
  }
  if (args.flag("debug")) global.debug = true;
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

// The words that may stand there: first words of commands, or the second ones of a group.
std::vector<std::string_view> command_words(std::string_view group) {
  std::vector<std::string_view> words;
  const auto add = [&](std::string_view name) {
    const size_t blank = name.find(' ');
    if (group.empty()) words.push_back(name.substr(0, blank));
    if (!group.empty() && blank != std::string_view::npos && name.substr(0, blank) == group) {
      words.push_back(name.substr(blank + 1));
    }
  };
  for (const auto* command : all_commands()) {
    if (command->hidden) continue;
    add(command->name);
    for (const auto alias : command->aliases) add(alias);
  }
  return words;
}

Error unrecognized(const std::string& program, std::string_view group, std::string_view word) {
  const std::string prefix = group.empty() ? program : fmt::format("{} {}", program, group);
  const std::string_view meant = nearest_word(word, command_words(group));
  // The word may be right, as the first of two.
  const std::string guess = meant.empty() || meant == word ? "" : fmt::format("Did you mean '{} {}'? ", prefix, meant);
  return wrong(fmt::format("unrecognized command `{} {}`", prefix, printable(word)))
      .with_hint(fmt::format("{}Try '{} --help' for more information", guess, prefix));
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

bool has_runtime_option(OptionGroup group) {
  if (group == nullptr) return false;
  const auto options = group();
  return std::any_of(options.begin(), options.end(), [](const auto& option) { return option.name == "runtime"; });
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
    if (const auto refused = find_refused_command(words)) {
      return Error(Errc::unsupported, fmt::format("{} {}: {}", program, refused->name, refused->reason));
    }
    if (is_command_group(words[0])) return parse_group(program, words, line);
    return unrecognized(program, "", words[0]);
  }
  line.command = found.command;
  if (asked_for_help) return line.command_help = true, ok();
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(found.words));
  if (!line.command->parsed) {
    line.args = Args(line.command, {}, std::move(words));
    return ok();
  }
  // Help is given whatever else is missing or wrong behind it.
  if (!words.empty() && words[0] == "--help") return line.command_help = true, ok();
  // Before those of the command, which win.
  const auto& own = line.command->options;
  const bool has_runtime = std::any_of(own.begin(), own.end(), has_runtime_option);
  if (has_runtime && !line.global.runtime.empty()) words.insert(words.begin(), "--runtime=" + line.global.runtime);
  auto args = parse_args(*line.command, words);
  if (!args) {
    const bool refused = args.error().code() == Errc::unsupported;
    if (refused) return std::move(args).error();
    return usage_error(program, *line.command, args.error());
  }
  line.args = std::move(args).value();
  line.command_help = line.args.flag("help");
  return apply_globals(line.args, line.global);
}

// With some options at least. Whoever ends such a command, as with Ctrl-C, has no failure to hear of.
bool goes_on_until_ended(const Command& command) {
  static constexpr std::array<std::string_view, 5> k_names = {"events", "logs", "ps", "stats", "wait"};
  return std::find(k_names.begin(), k_names.end(), command.name) != k_names.end();
}

}  // namespace

const Command& global_command() { return k_global; }

std::vector<std::string> global_words(const GlobalOptions& global) {
  std::vector<std::string> words;
  const auto add = [&](std::string_view option, const std::string& value) {
    if (!value.empty()) words.push_back(fmt::format("--{}={}", option, value));
  };
  add("root", global.root);
  add("runroot", global.runroot);
  add("cgroup-manager", global.cgroup_manager);
  add("storage-driver", global.storage.driver);
  add("imagestore", global.storage.image_store);
  for (const auto& option : global.storage.options) add("storage-opt", option);
  add("events-backend", global.events_backend);
  add("error-format", global.error_format);
  add("log-level", global.debug ? "debug" : "");
  return words;
}

Error usage_error(std::string_view program, const Command& command, const Error& error) {
  const std::string_view blank = command.name.empty() ? "" : " ";
  const std::string see = fmt::format("See '{}{}{} --help'", program, blank, command.name);
  return Error(error).with_hint(error.hint().empty() ? see : error.hint() + " " + see);
}

Result<CommandLine> parse_command_line(const std::string& program, const std::vector<std::string>& words) {
  CommandLine line;
  // A lone -h means help here; behind run it is the host's name.
  if (!words.empty() && words[0] == "-h") return line.global.help = true, line;
  auto args = parse_args(k_global, words);
  if (!args && args.error().code() == Errc::unsupported) return std::move(args).error();
  if (!args) return usage_error(program, k_global, args.error());
  TRY(apply_globals(*args, line.global));
  line.global.version = args->flag("version");
  line.global.help = args->flag("help");
  if (line.global.version || line.global.help) return line;
  TRY(parse_words(program, args->words(), line));
  return line;
}

Result<bool> wants_json_errors(std::string_view asked, const Environment& environment) {
  const std::string variable = environment_value(environment, "CTR_ERROR_FORMAT");
  const std::string_view format = asked.empty() ? std::string_view(variable) : asked;
  if (format == "json") return true;
  if (format.empty() || format == "text") return false;
  return wrong(fmt::format("{} {}: choose text or json", asked.empty() ? "CTR_ERROR_FORMAT" : "--error-format",
                           printable(format)));
}

std::string asked_error_format(const std::vector<std::string>& words) {
  constexpr std::string_view k_option = "--error-format";
  const Command* command = &k_global;
  for (size_t at = 0; at < words.size() && words[at] != "--"; ++at) {
    const std::string_view word = words[at];
    if (word.starts_with(k_option) && word.substr(k_option.size()).starts_with('=')) {
      return std::string(word.substr(k_option.size() + 1));
    }
    if (word == k_option) return at + 1 < words.size() ? words[at + 1] : "";
    if (word.starts_with("--")) {
      const auto* option = find_option(*command, word.substr(2));
      if (option != nullptr && option->kind != OptionSpec::Kind::flag) ++at;
    } else if (!word.starts_with('-')) {
      if (command != &k_global && command->positionals == Positionals::end_options) break;
      if (command != &k_global) continue;
      const auto found = find_command(std::span(words).subspan(at));
      if (found.command == nullptr) break;
      command = found.command;
      at += found.words - 1;
    }
  }
  return "";
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
    code = result ? *result : exit_code_for(result.error());
    const bool ended = code == k_interrupted_code && goes_on_until_ended(*line.command);
    if (!result && !ended) output.error(result.error(), code);
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

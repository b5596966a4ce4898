#include "cli/runtime/help.h"

#include <fmt/format.h>

#include <array>

#include "cli/version.h"

namespace ctr::cli::runtime {
namespace {

constexpr std::array k_global_options = {
    value("cgroup-manager", 0, "MANAGER", "Who makes cgroups: cgroupfs, systemd or disabled"),
    flag("debug", 0, "Write debug messages"),
    flag("help", 'h', "Print this help"),
    value("log", 0, "FILE", "Write messages to FILE as well"),
    value("log-format", 0, "FORMAT", "Format of messages: text or json"),
    value("log-level", 0, "LEVEL", "Least level of messages: error, warning or debug"),
    value("root", 0, "DIR", "Directory of the containers' state"),
    value("rootless", 0, "WHETHER", "Accepted; whether rights are missing is found out"),
    flag("systemd-cgroup", 0, "The same as --cgroup-manager systemd"),
    flag("version", 'v', "Print the version"),
};

std::string option_words(const OptionSpec& option) {
  std::string words = option.letter != 0 ? fmt::format("  -{}, ", option.letter) : "      ";
  words += fmt::format("--{}", option.name);
  if (!option.value_name.empty()) words += fmt::format("={}", option.value_name);
  return words;
}

std::string option_table(std::span<const OptionSpec> options) {
  std::string out;
  for (const OptionSpec& option : options) out += fmt::format("{:<32} {}\n", option_words(option), option.help);
  return out;
}

}  // namespace

std::span<const OptionSpec> global_options() { return k_global_options; }

std::string program_help(const std::string& program) {
  std::string out = fmt::format("Usage: {} [OPTION...] COMMAND [OPTION...]\n\nCOMMANDS:\n", program);
  for (const RuntimeCommand* command : all_runtime_commands()) {
    out += fmt::format("  {:<12} {}\n", command->name, command->summary);
  }
  return out + "\nOPTIONS:\n" + option_table(global_options());
}

std::string command_help(const std::string& program, const RuntimeCommand& command) {
  std::string out =
      fmt::format("Usage: {} [OPTION...] {} {}\n{}\n", program, command.name, command.usage, command.summary);
  if (!command.options.empty()) out += "\n" + option_table(command.options);
  return out;
}

std::string version_text(const std::string& program) {
  // What tells it from others of the name: programs read the first word and the number.
  return fmt::format("{} version {}\ncommit: ctr-{}\nspec: 1.3.0\n+SYSTEMD +CAP +SECCOMP +EBPF\n", program, k_version,
                     k_version);
}

}  // namespace ctr::cli::runtime

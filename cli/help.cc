#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace ctr::cli {
namespace {

std::string option_words(const OptionSpec& option) {
  std::string words = option.letter == 0 ? "    " : fmt::format("-{}, ", option.letter);
  words += fmt::format("--{}", option.name);
  if (option.kind != OptionSpec::Kind::flag) words += fmt::format(" {}", option.value_name);
  return words;
}

std::string two_columns(const std::vector<std::pair<std::string, std::string_view>>& rows) {
  // A long left side takes a line of its own, so that one option does not push all texts to the right.
  constexpr size_t k_left_limit = 30;
  size_t width = 0;
  for (const auto& row : rows) {
    if (row.first.size() <= k_left_limit) width = std::max(width, row.first.size());
  }
  std::string out;
  for (const auto& [left, right] : rows) {
    if (left.size() > k_left_limit) {
      out += fmt::format("  {}\n  {:{}}  {}\n", left, "", width, right);
    } else {
      out += fmt::format("  {:{}}  {}\n", left, width, right);
    }
  }
  return out;
}

std::string option_table(const Command& command) {
  std::vector<const OptionSpec*> options;
  for (const auto group : command.options) {
    if (group == nullptr) continue;
    for (const auto& option : group()) options.push_back(&option);
  }
  if (options.empty()) return "";
  std::sort(options.begin(), options.end(), [](auto* a, auto* b) { return a->name < b->name; });
  std::vector<std::pair<std::string, std::string_view>> rows;
  rows.reserve(options.size());
  for (const auto* option : options) rows.emplace_back(option_words(*option), option->help);
  return "\nOptions:\n" + two_columns(rows);
}

std::string_view group_of(std::string_view name) {
  const size_t blank = name.find(' ');
  return blank == std::string_view::npos ? std::string_view() : name.substr(0, blank);
}

}  // namespace

std::string program_help(std::string_view program) {
  std::vector<std::pair<std::string, std::string_view>> rows;
  for (const auto* command : all_commands()) {
    if (!command->hidden) rows.emplace_back(std::string(command->name), command->summary);
  }
  return fmt::format(
      "Run containers as a normal user, without a daemon\n\nUsage:\n  {} [options] COMMAND\n\nCommands:\n{}{}", program,
      two_columns(rows), option_table(global_command()));
}

std::string group_help(std::string_view program, std::string_view group) {
  std::vector<std::pair<std::string, std::string_view>> rows;
  for (const auto* command : all_commands()) {
    if (command->hidden) continue;
    const auto add = [&](std::string_view name) {
      if (group_of(name) == group) rows.emplace_back(std::string(name.substr(group.size() + 1)), command->summary);
    };
    add(command->name);
    for (const auto alias : command->aliases) add(alias);
  }
  std::sort(rows.begin(), rows.end());
  return fmt::format("Usage:\n  {} {} COMMAND\n\nCommands:\n{}", program, group, two_columns(rows));
}

std::string command_help(std::string_view program, const Command& command) {
  std::string out = fmt::format("{}\n\nUsage:\n  {} {}{}{}\n", command.summary, program, command.name,
                                command.usage.empty() ? "" : " ", command.usage);
  if (!command.aliases.empty()) {
    out += "\nAliases:\n";
    for (const auto alias : command.aliases) out += fmt::format("  {} {}\n", program, alias);
  }
  return out + option_table(command);
}

std::string command_listing() {
  std::string out;
  for (const auto* command : all_commands()) {
    if (command->hidden) continue;
    out += command->name;
    std::string separator = "\t";
    for (const auto group : command->options) {
      if (group == nullptr) continue;
      for (const auto& option : group()) {
        out += fmt::format("{}--{}", separator, option.name);
        separator = ",";
      }
    }
    out += '\n';
  }
  return out;
}

}  // namespace ctr::cli

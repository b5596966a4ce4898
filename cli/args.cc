// The only file that sees CLI11. It gets the options that occur, not the whole table: 150 declared options cost it
// 0.6 ms at every start, three cost nothing.
#include "cli/args.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/parse.h"
#include "base/text.h"
#include "cli/alias.h"
#include "cli/command.h"
#include "cli/dialect.h"

namespace ctr::cli {
namespace {

using Values = std::map<std::string, std::vector<std::string>, std::less<>>;

void declare(CLI::App& app, const OptionSpec& option, Values& values) {
  const std::string name(option.name);
  const auto keep = [&values, name](const CLI::results_t& results) {
    values[name] = results;
    return true;
  };
  CLI::Option* declared = app.add_option("--" + name, keep);
  declared->type_size(1)->expected(1)->allow_extra_args(false);
  declared->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

Error wrong_count(const Command& command, size_t count) {
  if (count < command.least_words && command.least_words == 1) {
    return Error(Errc::invalid, fmt::format("requires at least 1 arg(s), only received {}", count));
  }
  if (count < command.least_words) {
    return Error(Errc::invalid,
                 fmt::format("requires at least {} arg(s), only received {}", command.least_words, count));
  }
  if (command.most_words == 0) {
    return Error(Errc::invalid, fmt::format("`ctr {}` takes no arguments", command.name));
  }
  return Error(Errc::invalid, fmt::format("accepts at most {} arg(s), received {}", command.most_words, count));
}

}  // namespace

const OptionSpec* find_option(const Command& command, std::string_view name) {
  for (const auto group : command.options) {
    if (group == nullptr) continue;
    for (const auto& option : group()) {
      if (option.name == name) return &option;
    }
  }
  const std::string_view real = option_alias(name);
  if (real != name) return find_option(command, real);
  const Command& global = global_command();
  return &command == &global || name == "version" ? nullptr : find_option(global, name);
}

const OptionSpec* find_option(const Command& command, char letter) {
  for (const auto group : command.options) {
    if (group == nullptr) continue;
    for (const auto& option : group()) {
      if (option.letter != 0 && option.letter == letter) return &option;
    }
  }
  return letter == 'h' ? find_option(global_command(), "help") : nullptr;
}

Result<Args> parse_args(const Command& command, const std::vector<std::string>& words) {
  auto plain = TRY(plain_words(command, words));
  Values values;
  if (!plain.used.empty()) {
    CLI::App app;
    app.set_help_flag();
    for (const auto* option : plain.used) declare(app, *option, values);
    try {
      std::vector<std::string> reversed(plain.options.rbegin(), plain.options.rend());
      app.parse(std::move(reversed));
    } catch (const CLI::Error& error) {
      return Error(Errc::invalid, error.what());
    }
  }
  const size_t count = plain.positionals.size();
  // Help is given whatever else is missing.
  const bool help = values.contains("help");
  if (!help && count < command.least_words) return wrong_count(command, count);
  if (!help && count > command.most_words) return wrong_count(command, count);
  return Args(&command, std::move(values), std::move(plain.positionals));
}

const std::vector<std::string>* Args::find(std::string_view option) const {
  CTR_ASSERT(command_ == nullptr || find_option(*command_, option) != nullptr);
  const auto found = values_.find(option);
  return found == values_.end() ? nullptr : &found->second;
}

Args Args::loose(std::initializer_list<std::string_view> without) const {
  auto values = values_;
  for (const auto name : without) {
    if (const auto found = values.find(name); found != values.end()) values.erase(found);
  }
  return {nullptr, std::move(values), words_};
}

bool Args::has(std::string_view option) const { return find(option) != nullptr; }

bool Args::flag(std::string_view option, bool fallback) const {
  const auto* values = find(option);
  return values == nullptr ? fallback : values->back() == "true";
}

std::string Args::text(std::string_view option, std::string_view fallback) const {
  const auto* values = find(option);
  return values == nullptr ? std::string(fallback) : values->back();
}

const std::vector<std::string>& Args::list(std::string_view option) const {
  static const std::vector<std::string> k_none;
  const auto* values = find(option);
  return values == nullptr ? k_none : *values;
}

Result<std::optional<int64_t>> Args::number(std::string_view option) const {
  const auto* values = find(option);
  if (values == nullptr) return std::optional<int64_t>();
  return std::optional<int64_t>(TRY(parse_signed(values->back(), fmt::format("--{}", option))));
}

Result<std::optional<bool>> Args::boolean(std::string_view option) const {
  const auto* values = find(option);
  if (values == nullptr) return std::optional<bool>();
  return std::optional<bool>(values->back() == "true");
}

}  // namespace ctr::cli

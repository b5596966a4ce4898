// The words of one command, understood through its option table.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/option.h"

namespace ctr::cli {

struct Command;

// Whether options may stand behind the first positional word.
enum class Positionals { anywhere, end_options };

class Args {
 public:
  Args() = default;
  Args(const Command* command, std::map<std::string, std::vector<std::string>, std::less<>> values,
       std::vector<std::string> words)
      : command_(command), values_(std::move(values)), words_(std::move(words)) {}

  // The same without a table: for readers that ask for options of other commands, which are not given here. The options
  // named `without` are left out.
  Args loose(std::initializer_list<std::string_view> without) const;

  // Positional words.
  const std::vector<std::string>& words() const { return words_; }
  bool has(std::string_view option) const;
  bool flag(std::string_view option, bool fallback = false) const;
  // The last value given.
  std::string text(std::string_view option, std::string_view fallback = "") const;
  // All values in order.
  const std::vector<std::string>& list(std::string_view option) const;
  // Errors: invalid, naming the option and the value.
  Result<std::optional<int64_t>> number(std::string_view option) const;
  Result<std::optional<bool>> boolean(std::string_view option) const;

 private:
  const std::vector<std::string>* find(std::string_view option) const;
  const Command* command_ = nullptr;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> words_;
};

// Parses the words behind the command's name as podman does: `--name value`, `--name=value`, `-n value`, `-nvalue`,
// `-it`, `--flag=false`, repeated options, `--` ends the options, `-` is a word.
// Errors: invalid, with podman's words ("unknown flag: --x").
Result<Args> parse_args(const Command& command, const std::vector<std::string>& words);

// The option a name or letter means in this command; nullptr when there is none.
const OptionSpec* find_option(const Command& command, std::string_view name);
const OptionSpec* find_option(const Command& command, char letter);

}  // namespace ctr::cli

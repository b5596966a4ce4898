// The words of one sub-command of `ctr runtime`, split into options and positional words.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/option.h"

namespace ctr::cli::runtime {

// Whether options may stand behind the first positional word.
enum class Trailing { options, command };

class RuntimeArgs {
 public:
  // Positional words.
  const std::vector<std::string>& words() const { return words_; }
  bool has(std::string_view option) const { return values_.find(option) != values_.end(); }
  // The last value given.
  std::string text(std::string_view option, std::string_view fallback = "") const;
  // All values in order.
  std::vector<std::string> list(std::string_view option) const;
  bool flag(std::string_view option) const { return text(option, "false") != "false"; }
  // Errors: invalid, naming the option and the value.
  Result<uint64_t> number(std::string_view option, uint64_t fallback, uint64_t limit) const;

 private:
  friend Result<RuntimeArgs> parse_runtime_args(std::span<const OptionSpec>, std::span<const std::string>, Trailing);
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> words_;
};

// `--name value`, `--name=value`, `-n value`, `-nvalue`, `-dt`, `--flag=false`; `--` ends the options.
// Errors: invalid, naming the word.
Result<RuntimeArgs> parse_runtime_args(std::span<const OptionSpec> options, std::span<const std::string> words,
                                       Trailing trailing);

}  // namespace ctr::cli::runtime

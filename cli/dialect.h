// podman's way of writing options, told in CLI11's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/command.h"

namespace ctr::cli {

// The words of a command, one option a word, split from what is not an option.
struct PlainWords {
  // "--name", "value" for options with a value and "--name=true" for flags, long names only.
  std::vector<std::string> options;
  std::vector<const OptionSpec*> used;  // each once, in the order of their first use
  std::vector<std::string> positionals;
};

// Source: pflag's documentation, "Command line flag syntax".
// Errors: invalid, with podman's words.
Result<PlainWords> plain_words(const Command& command, const std::vector<std::string>& words);

}  // namespace ctr::cli

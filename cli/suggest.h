// What a shell offers for the word that is being typed: commands, options, their values and names of what there is.
//
// The scripts that `ctr completion` prints ask `ctr __complete WORDS...`, as the scripts of other programs do.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/completion.h"

namespace ctr::cli {

struct Suggestion {
  std::string word;
  std::string help;  // may be empty
  bool operator==(const Suggestion&) const = default;
};

struct Suggestions {
  enum class Files { no, any, directories };
  std::vector<Suggestion> words;  // all begin with what is typed
  Files files = Files::no;        // what the shell adds of the file system
  bool open = false;              // more follows in the same word: no blank behind it
};

// Names of objects of one kind, in any order; of images every name of each. Nothing when they cannot be read.
using FindNames = std::function<std::vector<Suggestion>(Complete kind)>;

// `words` are those behind the program's name; the last one is being typed and may be empty.
Suggestions suggest(std::span<const std::string> words, const FindNames& find_names);

// The values of an option that has words of its own or names something, as far as they begin with `typed`.
Suggestions suggest_values(const Command& command, const OptionSpec& option, std::string_view typed,
                           const FindNames& find_names);
// Those of `all` that begin with `typed`, sorted, each once.
std::vector<Suggestion> beginning_with(std::string_view typed, std::vector<Suggestion> all);
// The names of one kind that begin with `typed`. An image is found by the last part of its name, too.
std::vector<Suggestion> suggest_names(Complete kind, std::string_view typed, const FindNames& find_names);

// One suggestion a line, its help behind a tab, then a line with a colon and a number: 2 is added when no blank
// follows, 4 when files do not count, 16 when only directories do.
// Source: the protocol between cobra's scripts and programs (spf13/cobra, "Shell completions").
std::string suggestion_lines(const Suggestions& suggestions, Descriptions descriptions);

}  // namespace ctr::cli

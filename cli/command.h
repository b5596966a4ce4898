// A command of ctr, and what it is given to work with.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/paths.h"
#include "base/result.h"
#include "cli/args.h"
#include "cli/option.h"

namespace ctr::engine {
class Engine;
struct EngineOptions;
}  // namespace ctr::engine

namespace ctr::cli {

class Output;

// What a command is given. Opens the engine when it is first asked for: `version` and usage errors need none.
class Context {
 public:
  virtual ~Context() = default;
  virtual Result<engine::Engine*> engine() = 0;
  virtual Output& output() = 0;
  virtual const Environment& environment() const = 0;
  virtual const CancelToken& cancel() const = 0;
  // The name ctr was called by ("ctr", "docker"): messages use it.
  virtual const std::string& program() const = 0;
  // All words of this call, for the container's record.
  virtual const std::vector<std::string>& command_line() const = 0;
  // The options of this call that are none of its command's, for another call of ctr.
  virtual std::vector<std::string> global_words() const = 0;
};

// Options that are declared together. A function, so that commands of several files can share one.
using OptionGroup = std::span<const OptionSpec> (*)();
template <const auto& options>
std::span<const OptionSpec> group() {
  return options;
}

struct Command {
  std::string_view name;                             // "run", "container exists"
  std::span<const std::string_view> aliases;         // "container run"
  std::string_view usage;                            // what follows the name: "[options] IMAGE [COMMAND [ARG...]]"
  std::string_view summary;                          // one line, no final period
  std::array<OptionGroup, 5> options = {};           // shared groups first; nullptr: none
  size_t least_words = 0, most_words = k_any_words;  // positional words
  Positionals positionals = Positionals::anywhere;
  Complete complete = Complete::nothing;
  bool hidden = false;  // for our own processes: not in help, manual and completions
  bool parsed = true;   // its words are; hidden commands for scripts that know docker are like others in this
  bool enters_containers = false;  // starts or joins one: runs from a file that containers cannot write to
  // The exit code. An error is printed by the caller; its exit code is 125 unless its code says otherwise.
  Result<int> (*run)(Context& context, const Args& args) = nullptr;

  static constexpr size_t k_any_words = static_cast<size_t>(-1);
};

// Every command, in the order of the help text.
std::span<const Command* const> all_commands();

// The command that the words start with, and how many of them name it: "container ls -a" takes two.
struct FoundCommand {
  const Command* command = nullptr;
  size_t words = 0;
};
FoundCommand find_command(std::span<const std::string> words);
// Whether a word only groups commands ("image", "container", "system").
bool is_command_group(std::string_view word);

// The options that stand before the command ("ctr --log-level debug ps"); their long names work behind it too.
const Command& global_command();

// Usage mistakes: the message, then what was perhaps meant and "See 'ctr run --help'".
Error usage_error(std::string_view program, const Command& command, const Error& error);

}  // namespace ctr::cli

// What one option of a command is. Parser, --help, the manual's check and the shell completions all read this.
#pragma once

#include <string_view>

namespace ctr::cli {

// What a shell offers for a value.
enum class Complete {
  nothing,
  files,
  directories,
  containers,
  running,
  stopped,  // those that can be started
  paused,
  images,
  objects,
  volumes,
  networks,
  secrets,
  pods,
  shells,
  commands,
};

struct OptionSpec {
  enum class Kind { flag, value, list };
  std::string_view name;  // long name without dashes
  char letter = 0;        // short name, or 0
  Kind kind = Kind::flag;
  std::string_view value_name;  // "FILE"; empty for flags
  std::string_view help;        // one line, no final period
  Complete complete = Complete::nothing;
};

constexpr OptionSpec flag(std::string_view name, char letter, std::string_view help) {
  return {name, letter, OptionSpec::Kind::flag, {}, help, Complete::nothing};
}
constexpr OptionSpec value(std::string_view name, char letter, std::string_view value_name, std::string_view help,
                           Complete complete = Complete::nothing) {
  return {name, letter, OptionSpec::Kind::value, value_name, help, complete};
}
constexpr OptionSpec list(std::string_view name, char letter, std::string_view value_name, std::string_view help,
                          Complete complete = Complete::nothing) {
  return {name, letter, OptionSpec::Kind::list, value_name, help, complete};
}

}  // namespace ctr::cli

// From the words of the command line to a command and its exit code.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "engine/engine.h"

namespace ctr::cli {

// The options before the command.
struct GlobalOptions {
  bool version = false;
  bool help = false;
  bool debug = false;
  std::string root;     // --root: the store
  std::string runroot;  // --runroot: the runtime directory
  std::string runtime;  // --runtime, for commands that have it themselves
  std::string cgroup_manager;
  engine::StorageFlags storage;
  std::string events_backend;
  std::string error_format;  // --error-format: "text" or "json"; empty: as CTR_ERROR_FORMAT says
};

// The words that say the same in another call of ctr.
std::vector<std::string> global_words(const GlobalOptions& global);

struct CommandLine {
  GlobalOptions global;
  const Command* command = nullptr;  // nullptr with --version, --help of the program or of a group
  std::string group;                 // `ctr image --help`
  Args args;
  bool command_help = false;
};

// Errors: invalid and unsupported, complete with their "See …" or "Try …" line.
Result<CommandLine> parse_command_line(const std::string& program, const std::vector<std::string>& words);

// Whether failures are told as JSON: what --error-format says in words that could not all be understood, else what the
// variable CTR_ERROR_FORMAT has. Errors: invalid, when neither word is known.
Result<bool> wants_json_errors(std::string_view asked, const Environment& environment);
// The value of --error-format in such words; empty when there is none. Words of a container's program are not looked
// at.
std::string asked_error_format(const std::vector<std::string>& words);

// Runs what was parsed: help and version texts, or the command. The exit code; errors are printed.
int run_command_line(Context& context, const CommandLine& line);

// 127 and 126 for programs that were not found or cannot be executed, 130 for an interrupt, 125 for the rest.
inline constexpr int k_interrupted_code = 130;  // 128 + SIGINT
int exit_code_for(const Error& error);

}  // namespace ctr::cli

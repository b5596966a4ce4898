// Help and version texts of `ctr runtime`, and the options before the sub-command.
#pragma once

#include <span>
#include <string>

#include "cli/option.h"
#include "cli/runtime/command.h"

namespace ctr::cli::runtime {

std::span<const OptionSpec> global_options();
std::string program_help(const std::string& program);
std::string command_help(const std::string& program, const RuntimeCommand& command);
// The lines programs look for: name and version, commit, version of the specification, "+" and what is built in.
std::string version_text(const std::string& program);

}  // namespace ctr::cli::runtime

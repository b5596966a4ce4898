// Texts that the command table yields: --help, usage, `__commands`.
#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"

namespace ctr::cli {

std::string program_help(std::string_view program);
std::string group_help(std::string_view program, std::string_view group);
std::string command_help(std::string_view program, const Command& command);
// One line a visible command: its name, a tab, its options as "--all,--filter".
std::string command_listing();

}  // namespace ctr::cli

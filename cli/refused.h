// Options of podman that ctr knows and does not offer: they are refused by name, with the reason.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace ctr::cli {

// `name` is a long name, or a letter. nullopt when podman has no such option for this command either.
std::optional<std::string> why_refused(const Command& command, std::string_view name);

// Commands of podman and docker that ctr does not have: the reason, with what else helps. `words` are what stands on
// the command line from the command on. nullopt when it is none of them.
struct RefusedCommand {
  std::string name;
  std::string_view reason;
};
std::optional<RefusedCommand> find_refused_command(std::span<const std::string> words);

}  // namespace ctr::cli

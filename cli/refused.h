// Options of podman that ctr knows and does not offer: they are refused by name, with the reason.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace ctr::cli {

// `name` is a long name, or a letter. nullopt when podman has no such option for this command either.
std::optional<std::string> why_refused(const Command& command, std::string_view name);

}  // namespace ctr::cli

// Completion scripts for shells: they ask ctr itself for every word (cli/suggest.h).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::cli {

// Whether the shell shows what commands and options are for. bash has no place for it.
enum class Descriptions { no, yes };

// The hidden commands that answer, as cobra's programs call them: scripts made for podman work with ctr.
inline constexpr std::string_view k_complete_word = "__complete";
inline constexpr std::string_view k_complete_plain_word = "__completeNoDesc";

// For "bash", "zsh" or "fish"; `program` is the name that is completed. Errors: invalid.
Result<std::string> completion_script(std::string_view shell, std::string_view program, Descriptions descriptions);

}  // namespace ctr::cli

// Completion scripts for shells, made from the command table.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::cli {

// Whether the shell shows what commands and options are for. bash has no place for it.
enum class Descriptions { no, yes };

// "bash", "zsh" or "fish". Errors: invalid.
Result<std::string> completion_script(std::string_view shell, Descriptions descriptions);

}  // namespace ctr::cli

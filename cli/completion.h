// Completion scripts for shells, made from the command table.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::cli {

// "bash", "zsh" or "fish". Errors: invalid.
Result<std::string> completion_script(std::string_view shell);

}  // namespace ctr::cli

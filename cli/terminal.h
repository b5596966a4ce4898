// The user's terminal: passwords.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/command.h"

namespace ctr::cli {

// Asks for a line that is not shown while it is typed. Echo comes back whatever ends the question.
// Errors: invalid when stdin is no terminal; io, interrupted.
Result<std::string> read_password(Context& context, const std::string& prompt);

}  // namespace ctr::cli

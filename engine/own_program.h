// The file of this program, kept from containers: see runtime/own_binary.h.
#pragma once

#include "base/result.h"
#include "runtime/own_binary.h"

namespace ctr::engine {

using runtime::installed_program;
using runtime::take_over_program;

// As run_protected(), where a container of this user's could write to the file; whose ids it gets need not be known.
// For commands that start containers or join them, before signals are blocked.
Result<void> protect_program();

}  // namespace ctr::engine

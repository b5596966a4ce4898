// The wait of a command for the program it has started.
#pragma once

#include "base/child.h"
#include "base/result.h"
#include "runtime/launch.h"

namespace ctr::cli::runtime {

// Waits for the end of the program, which signals and, if it has one, the terminal reach meanwhile.
Result<ExitStatus> stay_in_front(ctr::runtime::Launched& launched);

}  // namespace ctr::cli::runtime

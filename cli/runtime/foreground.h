// The wait of a command for the program it has started.
#pragma once

#include "base/child.h"
#include "base/result.h"
#include "runtime/console.h"
#include "runtime/launch.h"

namespace ctr::cli::runtime {

// Waits for the end of the program, which signals and, if it has one, the terminal reach meanwhile. `also` is read when
// there is something, and once more at the end.
Result<ExitStatus> stay_in_front(ctr::runtime::Launched& launched, const ctr::runtime::AlsoRead& also);

}  // namespace ctr::cli::runtime

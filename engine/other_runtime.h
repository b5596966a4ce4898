// --runtime: another OCI runtime than ctr itself.
#pragma once

#include <string>

#include "base/paths.h"
#include "base/result.h"

namespace ctr::engine {

// The absolute path of the program that `wanted` names: a path, or a name that is looked for where podman does and in
// $PATH. Empty for ctr itself: nothing, "ctr", or a program of that name.
// Errors: not_found; permission for a file that cannot be executed.
// Source: containers.conf(5), "runtimes".
Result<std::string> find_runtime(const std::string& wanted, const Environment& environment);

}  // namespace ctr::engine

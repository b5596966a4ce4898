// A limit of the kernel in the words of --ulimit. Computes only.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/spec.h"

namespace ctr::engine {

// "nofile=1024:2048", "RLIMIT_CORE=unlimited". Errors: invalid, in podman's words.
Result<UlimitSpec> parse_ulimit(const std::string& text);

}  // namespace ctr::engine

// --restart.
#pragma once

#include <string_view>

#include "base/result.h"
#include "engine/spec.h"

namespace ctr::cli {

// "no", "never", "always", "unless-stopped", "on-failure" or "on-failure:RETRIES"; nothing is no. Errors: invalid, in
// podman's words.
Result<engine::RestartSpec> parse_restart(std::string_view text);

}  // namespace ctr::cli

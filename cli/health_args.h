// --health-*, --no-healthcheck.
#pragma once

#include "base/result.h"
#include "cli/args.h"
#include "engine/spec.h"

namespace ctr::cli {

// Errors: invalid, in podman's words.
Result<void> add_health(const Args& args, engine::ContainerSpec& spec);

}  // namespace ctr::cli

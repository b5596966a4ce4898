// --health-*, --no-healthcheck.
#pragma once

#include "base/result.h"
#include "cli/args.h"
#include "engine/container_changes.h"
#include "engine/spec.h"

namespace ctr::cli {

// What the options say. Errors: invalid, in podman's words.
Result<engine::HealthChanges> parse_health(const Args& args);
// The same for a new container.
Result<void> add_health(const Args& args, engine::ContainerSpec& spec);

}  // namespace ctr::cli

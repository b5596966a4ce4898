// --publish, --publish-all and --expose.
#pragma once

#include "base/result.h"
#include "cli/args.h"
#include "engine/spec.h"

namespace ctr::cli {

// Errors: invalid, unsupported.
Result<void> add_ports(const Args& args, engine::ContainerSpec& spec);

}  // namespace ctr::cli

// Options of run and create that confine the program: capabilities, --security-opt, namespaces, limits.
#pragma once

#include "base/result.h"
#include "cli/args.h"
#include "engine/config.h"
#include "engine/spec.h"

namespace ctr::cli {

Result<void> add_security(const Args& args, const engine::Config& config, engine::ContainerSpec& spec);
Result<void> add_namespaces(const Args& args, const engine::Config& config, engine::ContainerSpec& spec);
// The limits of processor, memory and processes that are named, each by itself. Errors: invalid.
Result<engine::ResourceSpec> parse_limits(const Args& args);
Result<void> add_resources(const Args& args, engine::ContainerSpec& spec);

}  // namespace ctr::cli

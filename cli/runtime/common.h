// What several sub-commands share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/runtime/command.h"
#include "runtime/container/create.h"
#include "runtime/container/state_root.h"
#include "runtime/host_facts.h"

namespace ctr::cli::runtime {

// Prints a result. Errors: io.
Result<void> print_result(std::string_view text);

Result<ctr::runtime::HostFacts> probe_host(const RuntimeContext& context);
// The state directory, which must be there for any container to be. Errors: not_found, naming the container.
Result<ctr::runtime::StateRoot> open_root(const RuntimeContext& context, std::string_view id);

// The options `create` and `run` have in common.
std::span<const OptionSpec> creation_options();

}  // namespace ctr::cli::runtime

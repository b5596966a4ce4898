// Publishing ports of a container or a pod that exists, whether it runs or not.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/spec_network.h"

namespace ctr::engine {

// At once where it runs, and at every start from now on. All of them or none.
// Returns what is published by that: ports that the kernel has chosen are filled in.
// Errors: invalid for a port that is there already; command_not_executable where the host has none to give;
// unsupported without a network of its own; those of NetworkHolder::open().
Result<std::vector<PortMapping>> add_ports(Core& core, const std::string& name_or_id,
                                           std::vector<PortMapping> mappings);

// Which ones: a host port of 0 stands for any. Connections that are there go on.
// Errors: not_found when none is published.
Result<void> remove_ports(Core& core, const std::string& name_or_id, const std::vector<PortMapping>& mappings);

}  // namespace ctr::engine

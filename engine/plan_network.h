// What a container's networks take at its start, decided before anything is made.
#pragma once

#include <optional>

#include "base/result.h"
#include "engine/network/private_network.h"
#include "engine/spec.h"
#include "runtime/host_facts.h"

namespace ctr::engine {

// nullopt where the network namespace is not the container's own. Errors: as network::plan_uplink().
Result<std::optional<network::NetworkPlan>> plan_network(const ContainerSpec& spec, const runtime::HostFacts& host);

}  // namespace ctr::engine

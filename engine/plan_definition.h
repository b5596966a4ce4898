// From the words of `network create` to a definition.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "engine/network/definition.h"
#include "engine/network_verbs.h"

namespace ctr::engine {

struct DefinitionInput {
  const NetworkOptions& options;
  std::string id;
  TimePoint now;
  std::vector<network::NetworkDefinition> others;
  std::vector<network::IpPrefix> routed;  // by the host
};

// Errors: exists, invalid and unsupported, in podman's words; in_use when no subnet is free.
Result<network::NetworkDefinition> plan_definition(const DefinitionInput& input);

}  // namespace ctr::engine

// Capability sets of a container.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/spec.h"

namespace ctr::engine {

// Every capability name this version knows, "CAP_CHOWN" first, in kernel order.
const std::vector<std::string>& known_capabilities();
// "net_admin", "CAP_NET_ADMIN", "all" → "CAP_NET_ADMIN", "ALL". Errors: invalid, naming the word.
Result<std::string> normalise_capability(std::string_view text);

struct CapabilityInput {
  std::vector<std::string> defaults;  // of the configuration
  std::vector<std::string> add;
  std::vector<std::string> drop;
  bool privileged = false;
  bool root = true;  // the program starts as uid 0
};

// All five sets, sorted. Root gets the bounding set as effective and permitted; another user gets only what was added
// by name, as ambient capabilities, since exec would drop them otherwise. Inheritable stays empty for root
// (CVE-2022-29162).
// Errors: invalid for unknown names and for a name that is both added and dropped.
Result<runtime::SpecCapabilities> container_capabilities(const CapabilityInput& input);

}  // namespace ctr::engine

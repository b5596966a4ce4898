// Scopes of policy.json and namespaces of registries.d. Source: containers-policy.json(5), containers-registries.d(5).
#pragma once

#include <string>
#include <vector>

#include "base/oci/reference.h"

namespace ctr::registry {

// Those that may apply to a reference, the most exact first; "" is the last.
std::vector<std::string> scopes_of(const oci::ImageReference& reference);

}  // namespace ctr::registry

// The image that a command needs: from the store or from a registry, as the pull policy says.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"

namespace ctr::engine {

// The ids of the images that `reference` means, as hex: several with all_tags, else one. An image of another platform
// than the one asked for counts as missing; where none was asked for it is used, with podman's warning.
// Errors: not_found ("X: image not known") with the policy never, and everything a transfer says.
Result<std::vector<std::string>> provide_image(Core& core, const std::string& reference, const PullOptions& options);

}  // namespace ctr::engine

// Blobs on their way out.
#pragma once

#include <vector>

#include "registry/session.h"

namespace ctr::registry {

// Sees to it that the registry has all of `uploads`: asks, mounts from other repositories, sends what is left.
Result<void> push_blobs(Session& session, const Endpoint& endpoint, const std::vector<BlobUpload>& uploads);

}  // namespace ctr::registry

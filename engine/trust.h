// image trust, in ctr-transfer: the policy is read where pulls read it.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/image_verbs.h"

namespace ctr::engine {

// podman's rows as JSON, or with `raw` the file's text. Errors: not_found when there is no policy, invalid.
Result<std::string> show_trust(const EngineOptions& options, const TrustOptions& trust);
// The file appears whole or stays as it was. Errors: invalid in podman's words, not_found, io.
Result<void> set_trust(const EngineOptions& options, const TrustOptions& trust);

}  // namespace ctr::engine

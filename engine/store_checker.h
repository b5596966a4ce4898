// The half of `system check` that works in ctr-transfer.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/store_check.h"

namespace ctr::engine {

// Pulls "name@sha256:…" into the store; what is there already is left alone.
using FetchAgain = std::function<Result<void>(const std::string& reference)>;

// Looks at every image's documents, blobs and layers, and moves what is damaged into quarantine. Layers are compared
// with what is unpacked anew from their blobs.
//
// With `repair` a layer whose blob is good is unpacked from it, and everything else is fetched from where its image
// came from. What no image has needed for too long is told, and collected with `repair`.
// Errors: corrupt when index.json is damaged; interrupted.
Result<std::vector<Damage>> check_store(const EngineOptions& options, const CheckRequest& request,
                                        const FetchAgain& fetch_again);

}  // namespace ctr::engine

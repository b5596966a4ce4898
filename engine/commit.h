// `commit` as ctr-transfer performs it:
//
//   worker "archive-tree"        ctr-transfer                          then as a load does it
//     reads what the container     hashes and compresses it into a       the layer is unpacked and published, the
//     has changed; tar ── pipe ──▶  file without a name; makes            image gets its entry
//                                   configuration and manifest
#pragma once

#include <string>

#include "base/progress.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/file_verbs.h"

namespace ctr::engine {

// FileVerbs::commit() on this side; `request.name` is a full name. The id of the image, hex.
Result<std::string> commit_image(const EngineOptions& options, ProgressSink& progress, const CommitRequest& request);

}  // namespace ctr::engine

// `cp` and `export` as ctr-transfer performs them: a worker for each end, joined by a pipe.
//
//   worker of the source           ctr-transfer             worker of the destination
//     reads a tree; tar ────────────── pipe ──────────────▶   makes files
//     answer ─────────────────────▶  the first error  ◀─────── answer
//
// A worker sees its tree and nothing else, with the ids of the container, or of the user for the host.
#pragma once

#include "base/result.h"
#include "engine/engine.h"
#include "engine/file_verbs.h"

namespace ctr::engine {

// FileVerbs::copy() and export_container() on this side.
Result<void> copy_files(const EngineOptions& options, const CopyRequest& request);
Result<void> export_files(const EngineOptions& options, const ExportRequest& request);

}  // namespace ctr::engine

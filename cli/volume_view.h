// How volumes look in listings.
#pragma once

#include "base/json.h"
#include "cli/report.h"
#include "engine/engine.h"

namespace ctr::cli {

// podman's document of a volume, as `volume inspect` and `volume ls --format json` print it.
Json volume_json(const engine::VolumeInfo& volume);
// The same with every field, as templates see it.
Json volume_row(const engine::VolumeInfo& volume);
Listing volume_listing();
Listing volume_inspect_listing();

}  // namespace ctr::cli

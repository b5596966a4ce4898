// What takes the disk's space, as the rows of `system df`. Pure.
#pragma once

#include "base/json.h"
#include "base/time.h"
#include "cli/report.h"
#include "engine/disk_usage.h"

namespace ctr::cli {

// A row for each kind, with every field that templates see; also podman's document.
Json disk_summary_rows(const engine::DiskUsage& usage);
Listing disk_summary_listing();

// With --verbose.
Json disk_image_rows(const engine::DiskUsage& usage, TimePoint at);
Listing disk_image_listing();
Json disk_container_rows(const engine::DiskUsage& usage, TimePoint at);
Listing disk_container_listing();
Json disk_volume_rows(const engine::DiskUsage& usage);
Listing disk_volume_listing();

}  // namespace ctr::cli

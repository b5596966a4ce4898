// How pods look in listings.
#pragma once

#include "base/json.h"
#include "base/time.h"
#include "cli/report.h"
#include "engine/pods.h"

namespace ctr::cli {

struct PodListOptions {
  bool whole_ids = false;
  bool container_ids = false, container_names = false, container_status = false;
  bool namespaces = false;  // those of podman's database, which are empty, and the cgroup
};

// The fields of `pod ps`, as podman's templates see them.
Json pod_row(const engine::PodInfo& info, const PodListOptions& options, TimePoint at);
// One element of `pod ps --format json`.
Json pod_json(const engine::PodInfo& info);
Listing pod_listing(const PodListOptions& options);
// Of `pod inspect --format`.
Listing pod_inspect_listing();

}  // namespace ctr::cli

// What mounts are made from, looked up before they are planned.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/mounts.h"
#include "engine/spec.h"

namespace ctr::engine {

// The mounts of `spec` with every --mount type=glob replaced by one bind mount a match. Errors: not_found.
Result<std::vector<MountSpec>> complete_mounts(const ContainerSpec& spec);

// What plan_mounts asks of the store. `core` must outlive it.
MountPlaces mount_places(Core& core);

// Checks that every source of a bind mount exists. Errors: not_found, in podman's words.
Result<void> check_sources(const MountPlan& plan);

// The paths that match `pattern`, which is absolute; '*' does not match '/'. Sorted.
Result<std::vector<std::string>> expand_glob(const std::string& pattern);

}  // namespace ctr::engine

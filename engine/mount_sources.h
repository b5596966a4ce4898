// What mounts are made from, looked up before they are planned.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/mounts.h"
#include "engine/record.h"
#include "engine/spec.h"

namespace ctr::engine {

// The mounts of `spec` with every --mount type=glob replaced by one bind mount a match, and with the volumes and bind
// mounts of the containers that --volumes-from names, as far as nothing else is mounted at their places.
// Errors: not_found, invalid.
Result<std::vector<MountSpec>> complete_mounts(Core& core, const ContainerSpec& spec);

// What plan_mounts asks of the store. `core` must outlive it.
MountPlaces mount_places(Core& core, const std::string& bundle);

// Checks that every source of a bind mount exists. Errors: not_found, in podman's words.
Result<void> check_sources(const MountPlan& plan);

// ---- their parts

// The paths that match `pattern`, which is absolute; '*' does not match '/'. Sorted.
Result<std::vector<std::string>> expand_glob(const std::string& pattern);
// A mount of another container, mounted once more. nullopt for what --volumes-from leaves out.
std::optional<MountSpec> inherited_mount(const MountRecord& record, const std::vector<std::string>& options);
// "CONTAINER[:ro|rw|z,…]". Errors: invalid.
struct VolumesFrom {
  std::string container;
  std::vector<std::string> options;
};
Result<VolumesFrom> parse_volumes_from(const std::string& text);

}  // namespace ctr::engine

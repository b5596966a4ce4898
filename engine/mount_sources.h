// What mounts are made from, looked up before they are planned.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/mounts.h"
#include "engine/spec.h"

namespace ctr::engine {

// The mounts of `spec` with every --mount type=glob replaced by one bind mount a match, and with those of the
// containers of --volumes-from where nothing else is mounted. Errors: not_found, invalid.
Result<std::vector<MountSpec>> complete_mounts(Core& core, const ContainerSpec& spec);

// What plan_mounts asks of the store. `core` must outlive it; `bundle` is the path the container's directory will have.
MountPlaces mount_places(Core& core, const std::string& bundle);

// A word of --volumes-from.
struct VolumesFrom {
  std::string container;
  std::vector<std::string> options;
  bool operator==(const VolumesFrom&) const = default;
};
// Errors: invalid, in podman's words.
Result<VolumesFrom> parse_volumes_from(const std::string& text);

// What another container is given of a mount: volumes and directories of the host, with `options` in place of its own
// if there are any; nullopt for what belongs to its container.
std::optional<MountSpec> inherited_mount(const MountRecord& record, const std::vector<std::string>& options);

// Checks that every source of a bind mount exists. Errors: not_found, in podman's words.
Result<void> check_sources(const MountPlan& plan);

// The paths that match `pattern`, which is absolute; '*' does not match '/'. Sorted.
Result<std::vector<std::string>> expand_glob(const std::string& pattern);

}  // namespace ctr::engine

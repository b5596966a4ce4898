// From -v, --mount, --tmpfs and an image's VOLUMEs to mounts of the runtime specification.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/record.h"
#include "engine/spec.h"
#include "runtime/spec.h"

namespace ctr::engine {

struct PlannedMount {
  runtime::SpecMount mount;
  MountRecord record;
  bool operator==(const PlannedMount&) const = default;
};

// A volume that must exist before the container is mounted.
struct VolumeUse {
  std::string name;
  std::string destination;
  bool anonymous = false;
  bool copy_up = true;  // the first container fills it with what the image has at `destination`
  bool operator==(const VolumeUse&) const = default;
};

struct MountPlan {
  std::vector<PlannedMount> mounts;  // parents before children
  std::vector<VolumeUse> volumes;
  bool covers(std::string_view destination) const;
  bool operator==(const MountPlan&) const = default;
};

// Where the names and places of volumes come from.
struct VolumeNaming {
  std::function<std::string()> make_name;                         // of an anonymous volume
  std::function<std::string(const std::string& name)> data_path;  // absolute
};

// Computes; touches nothing. A mount asked for by hand replaces the image's volume at the same place.
// Errors: invalid (relative or repeated destinations, unknown options), unsupported (what ctr cannot do, by its name).
Result<MountPlan> plan_mounts(const ContainerSpec& spec, const std::set<std::string>& image_volumes,
                              const VolumeNaming& naming);

// Checks that every source of a bind mount exists. Errors: not_found, in podman's words.
Result<void> check_sources(const MountPlan& plan);

// `path` without "." and ".." and doubled slashes, judged as text from the root. Errors: invalid unless absolute.
Result<std::string> clean_destination(std::string_view path);

}  // namespace ctr::engine

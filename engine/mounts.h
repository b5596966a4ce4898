// From -v, --mount, --tmpfs and an image's VOLUMEs to mounts of the runtime specification.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
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

// A volume that is a file system of its own (`volume create -o type=… -o device=… -o o=…`).
struct VolumeFileSystem {
  std::string type;
  std::string device;
  std::vector<std::string> options;
};

// An image to be mounted.
struct ImageLayers {
  std::string id;                 // hex
  std::vector<std::string> dirs;  // absolute, topmost first
};

// Where names and places come from.
struct MountPlaces {
  std::function<std::string()> make_name;                         // of an anonymous volume
  std::function<std::string(const std::string& name)> data_path;  // absolute
  // nullopt: a directory of the store, or a volume that is still to be made.
  std::function<Result<std::optional<VolumeFileSystem>>(const std::string& name)> file_system;
  // `subpath`: the part of it that is wanted; empty: all.
  std::function<Result<ImageLayers>(const std::string& image, const std::string& subpath)> image;
  std::function<Result<void>()> check_overlays;  // whether the kernel lets the container have overlays
  std::string bundle;                            // absolute path of the container's directory
  std::string memory_dir;                        // of the pod's file systems in memory; empty without a pod
  std::string home;                              // of the user: never given to somebody else as a whole
};

// Computes; touches nothing. `mounts` are spec.mounts, completed. A mount asked for by hand replaces the image's volume
// at the same place.
// Errors: invalid (relative or repeated destinations, unknown options), unsupported (what ctr cannot do, by its name),
// and those of `places`.
Result<MountPlan> plan_mounts(const ContainerSpec& spec, const std::vector<MountSpec>& mounts,
                              const std::set<std::string>& image_volumes, const MountPlaces& places);

// Directories that the host itself lives in: giving one of them away breaks it.
const std::vector<std::string>& host_dirs();
// What is said of them, and of the user's home.
Error not_to_be_given(std::string_view path);

// Mounts in memory that `U` gives to the container's user.
void own_memory_mounts(MountPlan& plan, uint32_t uid, uint32_t gid);

// `path` without "." and ".." and doubled slashes, judged as text from the root. Errors: invalid unless absolute.
Result<std::string> clean_destination(std::string_view path);

}  // namespace ctr::engine

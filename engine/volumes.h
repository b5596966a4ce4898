// Volumes, and what containers do with them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/prepare.h"
#include "engine/volume_info.h"
#include "storage/volumes.h"

namespace ctr::engine {

// ---- of a container

// The volumes of a container that is being created, made if they are missing, and held so that none can go away before
// the container that names them is visible. Those made go again unless keep() is called.
class [[nodiscard]] VolumesOfNew {
 public:
  static Result<VolumesOfNew> hold(Core& core, const PreparedContainer& prepared);
  VolumesOfNew(VolumesOfNew&&) noexcept = default;
  VolumesOfNew& operator=(VolumesOfNew&&) = delete;
  ~VolumesOfNew();
  void keep() { made_.clear(); }

 private:
  explicit VolumesOfNew(Core& core) : core_(&core) {}
  Core* core_;
  std::vector<storage::HeldVolume> held_;
  std::vector<std::string> made_;
};

// What a start does before anything is mounted: the first one that uses a volume fills it, overlays begin empty, and
// `U` changes owners. The caller holds the container's lock. Errors: not_found for a volume that is gone.
struct VolumeUser {
  const ContainerRecord& record;
  const runtime::RuntimeSpec& spec;
  const runtime::RootfsPlan& rootfs;
  bool is_new = false;  // nothing has been written to the container's own layer
};
Result<void> prepare_mounts(Core& core, const VolumeUser& user);

// Removes the anonymous volumes of a container that is gone, as far as no other container uses them; named ones stay.
void remove_anonymous_volumes(Core& core, const ContainerRecord& record);

// ---- by themselves

// Errors: exists, invalid, unsupported.
Result<VolumeInfo> create_volume(Core& core, const VolumeOptions& options);
// Sorted by name.
Result<std::vector<VolumeInfo>> list_volumes(Core& core);
// Errors: not_found in podman's words, invalid when a beginning fits several.
Result<VolumeInfo> find_volume(Core& core, const std::string& name, Engine::Lookup lookup);
// With `force` the containers that use it go, too. Errors: not_found, in_use, in podman's words.
Result<void> remove_volume(Core& core, const std::string& name, const RemoveOptions& options);

}  // namespace ctr::engine

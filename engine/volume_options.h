// The options of a volume: what `volume create -o` may say, and what of it the mount is made from.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "engine/mounts.h"
#include "engine/volume_info.h"
#include "storage/volumes.h"

namespace ctr::engine {

// The record of a volume that is to be made; `name` stands in for one that was not given.
// Errors: invalid, unsupported, in podman's words where it has some.
Result<storage::VolumeRecord> plan_volume(const VolumeOptions& options, const std::string& name, TimePoint created);

// Whether the volume is a file system that is mounted at each start, and not the directory in the store.
bool is_mounted_volume(const storage::VolumeRecord& volume);
// What such a volume mounts. Errors: invalid when it has no device.
Result<VolumeFileSystem> file_system_of(const storage::VolumeRecord& volume);

}  // namespace ctr::engine

// The options of a volume: what `volume create -o` may say, and what of it the mount is made from.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "engine/mounts.h"
#include "engine/volume_info.h"
#include "storage/volumes.h"

namespace ctr::engine {

// A volume of this driver begins with what an image has.
inline constexpr const char* k_image_driver = "image";

// The record of a volume that is to be made; `name` stands in for one that was not given.
// Errors: invalid, unsupported, in podman's words where it has some.
Result<storage::VolumeRecord> plan_volume(const VolumeOptions& options, const std::string& name, TimePoint created);

// Errc::not_found, in podman's words.
Error unknown_volume(const std::string& name);

// Whether the volume is a file system that is mounted at each start, and not the directory in the store.
bool is_mounted_volume(const storage::VolumeRecord& volume);
// The directory with the volume's files: `data` in the store, or the one that the volume binds. Errors: unsupported for
// another file system, which nobody but a container has mounted.
Result<std::string> volume_directory(const storage::VolumeRecord& volume, const std::string& data);
// What such a volume mounts. Errors: invalid when it has no device.
Result<VolumeFileSystem> file_system_of(const storage::VolumeRecord& volume);

}  // namespace ctr::engine

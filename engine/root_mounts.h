// `mount`: the root of a container or an image, mounted where the caller sees it. In a user namespace of the caller's,
// as `ctr unshare` makes one, the mounts end with it; who is not root there cannot mount.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/mounted_root.h"
#include "storage/containers.h"
#include "storage/volumes.h"

namespace ctr::engine {

// The path of the root of a container that does not run; of one that is mounted already the same. Errors: permission
// for who is not root of a user namespace, in podman's words; bad_state when it runs; unsupported.
Result<std::string> mount_container(Core& core, const storage::ContainerId& id);
// Errors: as above; not_found when it is not mounted.
Result<void> unmount_container(Core& core, const storage::ContainerId& id);
Result<std::vector<MountedRoot>> mounted_containers(Core& core);

// The same for images, which are mounted read-only.
Result<std::string> mount_image(Core& core, const std::string& image);
// The image's id.
Result<std::string> unmount_image(Core& core, const std::string& image);
Result<std::vector<MountedRoot>> mounted_images(Core& core);

// A volume is a directory that is there, or a file system that is mounted at its place. Its path.
Result<std::string> mount_volume(Core& core, const std::string& name);
// The volume's name; one that is a directory stays as it is.
Result<std::string> unmount_volume(Core& core, const std::string& name);
// Before a volume is removed, as podman does: what is mounted at its place is not the volume's to be deleted.
Result<void> unmount_removed(Core& core, const storage::VolumeRecord& volume);

}  // namespace ctr::engine

// The root file system of a container as a value: which directories are stacked, and how.
#pragma once

#include <string>
#include <vector>

#include "base/oci/image_config.h"
#include "base/result.h"
#include "storage/containers.h"
#include "storage/driver.h"

namespace ctr::storage {

class Store;

// Everything a mount of the container's root needs. The runtime mounts it inside the container's mount namespace.
struct RootfsSpec {
  OverlayDriver driver = OverlayDriver::native;
  std::vector<std::string> lower;  // absolute paths, top layer first
  std::string upper;               // absolute path; empty for a read-only view of the image
  std::string work;
  // The upper directory is never synced: for containers that are removed when they end. After a power cut or a kill the
  // kernel refuses to mount the same work directory again.
  bool is_volatile = false;
  bool operator==(const RootfsSpec&) const = default;
};

// The stack of an image (`diff_ids` bottom first, as in its config) under the writable directory of `container`.
//
// An empty layer list gives an empty lower directory. Layers under one that hides everything below it are left out.
// Errors: not_found when a layer is missing (the hint says to pull again).
Result<RootfsSpec> make_rootfs(const Store& store, OverlayDriver driver, const std::vector<oci::DiffId>& diff_ids,
                               const ContainerId& container);

// The options string of mount(2) for native overlay with `userxattr`, colons and commas and backslashes in paths
// escaped. Source: Documentation/filesystems/overlayfs.rst.
std::string overlay_options(const RootfsSpec& spec);

}  // namespace ctr::storage

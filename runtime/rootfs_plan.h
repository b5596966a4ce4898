// RootfsPlan: what becomes the root directory of a container.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ctr::runtime {

// A file that ctr puts into a container's root before the program starts: accounts, the time zone. It is written as the
// container's root, through the mounted root and without leaving it.
struct RootEdit {
  enum class Kind {
    append,   // the bytes of `source` go behind those of the file, which is made when it is missing
    replace,  // a new file with the bytes of `source` takes the place of what is there
    link,     // a symbolic link to `source` takes the place of what is there
  };
  Kind kind = Kind::append;
  std::string path;    // absolute in the container, the name of a file; its directory is made when it is missing
  std::string source;  // absolute host path of a regular file; of a link: its target
  bool operator==(const RootEdit&) const = default;
};

struct RootfsPlan {
  enum class Kind {
    overlay,    // native overlay, mounted in the container's own mount namespace
    fuse,       // fuse-overlayfs, started in the container's outer user namespace and mount namespace
    directory,  // a tree that is there: --rootfs
  };
  Kind kind = Kind::directory;
  std::string
      mount_point;        // an existing empty directory to mount on: the bundle's rootfs; absolute. Not with directory
  std::string directory;  // with Kind::directory: absolute path of the tree
  std::vector<std::string> lower_dirs;  // topmost first, absolute; at least one
  std::string upper_dir;                // empty: a read-only view of the layers
  std::string work_dir;                 // on the file system of upper_dir
  // Mounts with "volatile": nothing is synced when the container ends, and its leftover marker of an earlier run is
  // removed. For containers whose writes need not survive a power cut.
  bool skip_sync = false;
  // The map the layers were unpacked under when it is not the container's own (keep-id): files are shown shifted.
  // Only with Kind::fuse.
  bool shift_ids = false;
  // With Kind::fuse in a user namespace that is joined: the path of the one around it, where the server runs.
  std::string outer_namespace;
  // The path of a mount namespace in which everything is found that is mounted into the container; empty: the
  // caller's. With Kind::fuse only where the user namespace is joined.
  std::string mounts_namespace;
  // The path of a mount namespace whose /dev/shm is found at `shm_place`, a directory of the host, by what is mounted
  // into the container; empty: none.
  std::string shm_namespace;
  std::string shm_place;
  std::vector<RootEdit> edits;  // in this order
  bool operator==(const RootfsPlan&) const = default;
};

// What fuse-overlayfs is told of the directories, as the value of its -o.
// Errors: unsupported: a layer in a place that it takes for two.
Result<std::string> fuse_directories(const RootfsPlan& plan);

Json to_json(const RootfsPlan& plan);
Result<RootfsPlan> rootfs_plan_from_json(const JsonReader& reader);

}  // namespace ctr::runtime

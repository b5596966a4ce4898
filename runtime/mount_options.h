// Options of an OCI mount as what the mount system calls take.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ctr::runtime {

// What the value of the option of ours stands behind.
inline constexpr std::string_view k_subpath_option = "x-ctr.subpath=";
inline constexpr std::string_view k_made_subpath_option = "x-ctr.made-subpath=";

struct MountPropagation {
  uint64_t flag = 0;       // MS_PRIVATE, …
  bool recursive = false;  // of the mounts below too
  bool operator==(const MountPropagation&) const = default;
};

struct MountOptions {
  bool bind = false;
  bool recursive = false;  // of bind mounts: the mounts below come along
  bool remount = false;    // changes the mount that is there
  bool copy_up = false;    // tmpcopyup
  // Of bind mounts: a source that is a symbolic link is mounted, or made again, itself; so for the destination.
  bool source_nofollow = false;
  bool destination_nofollow = false;
  bool copy_symlink = false;
  enum class IdMapping { none, top, tree } id_mapping = IdMapping::none;  // idmap, ridmap
  // "x-ctr.subpath=a/b", of bind mounts: what below the source is mounted. Links in it lead nowhere but below the
  // source. "x-ctr.made-subpath=a/b": the same, and a directory is made where nothing is.
  std::string subpath;
  bool makes_subpath = false;
  std::string id_ranges;  // "uids=0-1-10#20-30-5;gids=@0-1-10": ids of the mapping, as crun takes them; may be empty
  uint64_t set = 0;       // MOUNT_ATTR_*
  uint64_t clear = 0;
  uint64_t set_recursive = 0;  // rro, rnosuid, …
  uint64_t clear_recursive = 0;
  std::vector<MountPropagation> propagations;  // one after the other; none: not said
  // For the file system: "size=64k", "newinstance", and what its superblock understands, as "sync".
  std::vector<std::string> data;
  bool operator==(const MountOptions&) const = default;
};

// Later options win over earlier ones. What is no known option is data for the file system, as the specification says.
// Errors: invalid for an option that cannot have the value it has.
// Source: OCI runtime-spec config.md "Linux mount options"; mount_setattr(2); crun(1) for what is crun's.
Result<MountOptions> parse_mount_options(const std::vector<std::string>& options);

// Every option with a meaning of its own, sorted; what `ctr runtime features` lists.
std::vector<std::string> known_mount_options();

// "rprivate" to {MS_PRIVATE, recursive}; nullopt when the name is none.
std::optional<MountPropagation> parse_propagation(std::string_view name);

}  // namespace ctr::runtime

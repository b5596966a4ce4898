// What entries of a layer may say: pure decisions. Private to storage/.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/tar_reader.h"
#include "storage/unpack.h"

namespace ctr::storage {

// OCI image-spec 1.1 "Image Layer Filesystem Changeset": whiteouts.
inline constexpr std::string_view k_whiteout_prefix = ".wh.";
inline constexpr std::string_view k_opaque_name = ".wh..wh..opq";

// The path without leading "/", empty and "." components; "" is the root of the layer.
// Errors: corrupt for paths that would leave the layer and for embedded NUL.
Result<std::string> clean_entry_path(std::string_view path);
// Left by the aufs driver of old Docker versions (".wh..wh.plnk"): never part of the image.
bool is_aufs_metadata(std::string_view path);
// Errors: corrupt when a directory on the way to the entry has the name of a whiteout.
Result<void> check_whiteout_parents(std::string_view path);
// Errors: invalid, naming the id and the file, unless both ids are valid and mapped (or owners are ignored).
Result<void> check_entry_owner(const TarEntry& entry, const OwnerRules& rules);

// What to do with an extended attribute.
enum class XattrUse {
  drop,      // control data of storage drivers and host labels: never taken from an image
  optional,  // set where the kernel allows it
  required,  // the file does not work without it
};
XattrUse xattr_use(std::string_view name);

}  // namespace ctr::storage

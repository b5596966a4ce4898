// One directory of a stack of layers as the overlay shows it. Private to storage/.
#pragma once

#include <sys/stat.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace ctr::storage {

// The directories of the layers that make it up, top first.
using MergedDir = std::vector<Dir>;

// What a name in a merged directory is.
struct FoundEntry {
  enum class Kind { none, directory, link, other } kind = Kind::none;
  MergedDir directory;
  std::string target;       // of a link
  const Dir* in = nullptr;  // the layer that says what it is: a directory's status is that of its topmost one
  struct stat status = {};  // unless there is nothing
};
Result<FoundEntry> look_up(const MergedDir& parent, const std::string& name);
// All names that are there, without what is hidden.
Result<std::set<std::string>> list_names(const MergedDir& directory);

// "This name is gone": a device 0:0, the empty file with an attribute that overlays of Linux 6.7 know, too, or the file
// .wh.NAME of fuse-overlayfs where it may not make devices. `info` is that of `name` in `dir`.
// Source: Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".
bool is_whiteout(const Dir& dir, const std::string& name, const struct stat& info);
inline constexpr std::string_view k_whiteout_file_prefix = ".wh.";
// "This directory hides what is below": an attribute of the kernel's overlay or of fuse-overlayfs, or its file.
bool is_opaque(const Dir& dir);
inline constexpr std::string_view k_opaque_file = ".wh..wh..opq";

}  // namespace ctr::storage

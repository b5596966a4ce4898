// One directory of a stack of layers as the overlay shows it. Private to storage/.
#pragma once

#include <sys/stat.h>

#include <set>
#include <string>
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
  const Dir* in = nullptr;  // where a file lies
  mode_t mode = 0;
};
Result<FoundEntry> look_up(const MergedDir& parent, const std::string& name);
// All names that are there, without what is hidden.
Result<std::set<std::string>> list_names(const MergedDir& directory);

// The forms of "this name is gone" and "this directory hides what is below" that the overlays know.
inline constexpr std::string_view k_whiteout_file_prefix = ".wh.";
inline constexpr std::string_view k_opaque_file = ".wh..wh..opq";
bool is_whiteout(const struct stat& info);
bool is_opaque(const Dir& dir);

}  // namespace ctr::storage

// What layers change against the layers below them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace ctr::storage {

enum class PathChange { added, changed, deleted };

// By absolute path.
using PathChanges = std::map<std::string, PathChange>;

// What one layer (or a container's upper directory) does to the stack `below`, top first. Directories on the way to a
// change count as changed, as they are in the layer.
Result<PathChanges> diff_layer(const Dir& layer, const std::vector<Dir>& below);
// `later` after `earlier` as one step: what was added and is deleted again is not mentioned.
void add_changes(PathChanges& earlier, const PathChanges& later);

}  // namespace ctr::storage

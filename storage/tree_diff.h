// What differs between two trees that are stacks of layers.
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

// What `newer` has changed against `older`, both top first; no directories at all are an empty tree. Directories that
// are the same ones in both are not looked into, so a container's writable directory on its image costs what is in it.
//
// Below a directory that is gone nothing is mentioned; a directory in which something changed counts as changed, but
// not the root.
Result<PathChanges> diff_trees(const std::vector<Dir>& newer, const std::vector<Dir>& older);

}  // namespace ctr::storage

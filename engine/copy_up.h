// Copy-up: a fresh volume takes over what the image has at its place. The copying runs inside the user namespace with
// the full id map, so that owners stay what they are.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "engine/core.h"

namespace ctr::engine {

// Copies the directory `path` of the stacked `lower_dirs` (topmost first) into `target`, which takes its mode and
// owner.
Result<void> copy_up(Core& core, const std::vector<std::string>& lower_dirs, const std::string& path,
                     const Dir& target);

// The main function of the worker: descriptor 3 is the request, 4 the answer, 5 the target.
int run_copy_up_process();

// Copies what is in `from` into `to`: files, directories, links, FIFOs with mode, owner, times and user.* attributes.
// Links are copied as links; devices are left out.
Result<void> copy_tree(const Dir& from, const Dir& to);

}  // namespace ctr::engine

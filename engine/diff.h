// What containers and images change: trees compared by a process that may read all files of them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/file_verbs.h"

namespace ctr::engine {

// FileVerbs::diff().
Result<std::vector<ChangedPath>> diff_named(Core& core, TreeKind kind, const std::string& name,
                                            const std::string& base);

// The main function of the process that compares, inside the user namespace with the full id map: descriptor 3 is the
// request, 4 the answer. The exit code.
int run_diff_process();

}  // namespace ctr::engine

// What images change: their layers compared with the layers below, by a process that may read all files of them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/image_verbs.h"

namespace ctr::engine {

// What the last layer of an image does; with `base`, what all layers that the other image does not have do. By path.
// Errors: not_found, in podman's words.
Result<std::vector<ChangedPath>> diff_image(Core& core, const std::string& image, const std::string& base);
// What the directories from number `first` on do to those below; bottom first, absolute paths.
Result<std::vector<ChangedPath>> diff_directories(Core& core, const std::vector<std::string>& bottom_first,
                                                  size_t first);
// The main function of the process, inside the user namespace with the full id map. The exit code.
int run_diff_process();

}  // namespace ctr::engine

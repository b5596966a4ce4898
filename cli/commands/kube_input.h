// Where the commands of kube read YAML from.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/command.h"
#include "engine/kube/plan.h"

namespace ctr::cli {

// "-", a URL or a path. Errors: those of reading; network.
Result<engine::kube::InputFile> read_kube_input(Context& context, const std::string& name);

}  // namespace ctr::cli

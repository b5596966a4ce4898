// Where the commands of kube read YAML from.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/command.h"
#include "engine/kube/plan.h"

namespace ctr::cli {

// podman's, in which pods of all files find each other by their names.
inline constexpr const char* k_kube_network = "podman-default-kube-network";

// "-", a URL or a path. Errors: those of reading; network.
Result<engine::kube::InputFile> read_kube_input(Context& context, const std::string& name);

}  // namespace ctr::cli

// Looks up what is to be told as Kubernetes YAML.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/kube/generate.h"

namespace ctr::engine::kube {

// The documents of pods, containers (all of them together are one pod) and volumes, by name or id.
// Errors: not_found; invalid for a container of a pod, or when there is nothing to tell.
Result<Generated> generate(Engine& engine, const std::vector<std::string>& names, const GenerateOptions& options);

}  // namespace ctr::engine::kube

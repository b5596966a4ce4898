// podman's inspect document of a pod.
#pragma once

#include "base/json.h"
#include "engine/pods.h"

namespace ctr::engine {

// Pure. Source: podman, libpod/define/pod_inspect.go.
Json inspect_pod(const PodInfo& info);

}  // namespace ctr::engine

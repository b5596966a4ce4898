// A container or pod as the JSON that podman's API makes one of, its "specgen": pure.
//
// Source: podman, pkg/specgen: names and types of the members. What is at its default is left out.
#pragma once

#include <string>

#include "base/json.h"
#include "engine/pods.h"
#include "engine/spec.h"

namespace ctr::engine {

Json spec_document(const ContainerSpec& spec);
// Without the pod's members, as podman has it.
Json spec_document(const PodSpec& spec);

}  // namespace ctr::engine

// One container in the words of Kubernetes.
#pragma once

#include <map>
#include <string>

#include "base/json.h"
#include "engine/kube/generate.h"

namespace ctr::engine::kube {

struct GeneratedVolume {
  Json json;
  std::string source;  // what it is: mounts of one source share it
};
// The volumes of a pod by name, which grow with each container.
using GeneratedVolumes = std::map<std::string, GeneratedVolume>;

// `name` is without the pod's. Volumes of the pod are told by their names.
Json container_json(const SourceContainer& source, const std::string& name, const SourcePod& pod,
                    GeneratedVolumes& volumes);
// containerPort with hostPort.
Json ports_json(const std::vector<PortMapping>& published, const std::vector<ExposedPort>& exposed);

// A word of Kubernetes: lower-case letters, digits and "-".
std::string kube_word(std::string_view text);

}  // namespace ctr::engine::kube

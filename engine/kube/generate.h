// Kubernetes YAML of what there is: containers, pods and volumes. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/pods.h"
#include "engine/spec.h"
#include "engine/volume_info.h"

namespace ctr::engine::kube {

enum class GeneratedKind { pod, deployment, daemon_set, job };

struct GenerateOptions {
  GeneratedKind kind = GeneratedKind::pod;
  int replicas = 1;                  // of a deployment
  bool service = false;              // one for each pod, too
  bool podman_only = false;          // what Kubernetes cannot say goes into annotations, and nothing is lost
  std::string default_network = {};  // see Choices: pods in it alone say nothing of networks
};

struct SourceContainer {
  std::string name;
  std::string image;  // its full name
  ContainerSpec spec;
  // What there is at the sources of its mounts and devices, as hostPath calls it: "Directory". Others have no type.
  std::map<std::string, std::string> host_paths;
};

// A pod, or one container that becomes a pod.
struct SourcePod {
  std::string name;             // of the pod
  std::optional<PodSpec> spec;  // of a pod
  std::vector<SourceContainer> containers;
  std::vector<std::string> anonymous;  // volumes that go with the containers
  Json origin;                         // see origin.h; null: nothing
};

struct Generated {
  std::vector<Json> documents;
  std::vector<std::string> warnings;  // what is lost
};
// Errors: invalid for options that do not go together, unsupported for containers that no pod can have.
Result<Generated> generate_pod(const SourcePod& pod, const GenerateOptions& options);
Json generate_claim(const VolumeInfo& volume);

// The name of the pod that one container becomes.
std::string pod_name_of(const std::string& container);

}  // namespace ctr::engine::kube

// Annotations that say what Kubernetes has no fields for: some of podman's, and one of ours with the rest.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/pods.h"
#include "engine/spec.h"

namespace ctr::engine::kube {

// "PREFIX/NAME" has members of the container's specification as JSON, which take the place of what the YAML says.
inline constexpr std::string_view k_spec_annotation = "spec.ctr.containers/";
// The same for the pod.
inline constexpr std::string_view k_pod_annotation = "spec.ctr.pod";
inline constexpr std::string_view k_userns_annotation = "io.podman.annotations.userns";

// Whether an annotation is for ctr, and not for the container.
bool is_own_annotation(std::string_view key);

struct AnnotatedContainer {
  std::string name;                             // in the file
  std::map<std::string, std::string> siblings;  // those that come before it in the pod: names in the file, and whole
};
// Gives back what ctr knows and does not carry out, in words. Errors: invalid.
Result<std::vector<std::string>> apply_annotations(const std::map<std::string, std::string>& annotations,
                                                   const AnnotatedContainer& container, ContainerSpec& spec);
// What the annotation of the pod says. Errors: invalid.
Result<void> apply_pod_annotation(const std::map<std::string, std::string>& annotations, PodSpec& spec);
// What of `wanted` is not in `written`, as such an annotation; an empty object when nothing is. What only one host or
// one moment has is left out.
Json spec_difference(const ContainerSpec& wanted, const ContainerSpec& written);
// The same of pods. What members have of it is theirs.
Json pod_difference(const PodSpec& wanted, const PodSpec& written);

}  // namespace ctr::engine::kube

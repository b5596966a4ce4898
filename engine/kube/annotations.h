// Annotations that say what Kubernetes has no fields for: some of podman's, and one of ours with the rest.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "engine/spec.h"

namespace ctr::engine::kube {

// "PREFIX/NAME" has members of the container's specification as JSON, which take the place of what the YAML says.
inline constexpr std::string_view k_spec_annotation = "spec.ctr.containers/";

// Whether an annotation is for ctr, and not for the container.
bool is_own_annotation(std::string_view key);
// Errors: invalid.
Result<void> apply_annotations(const std::map<std::string, std::string>& annotations, const std::string& container,
                               ContainerSpec& spec);
// What of `wanted` is not in `written`, as such an annotation; an empty object when nothing is. What only one host or
// one moment has is left out.
Json spec_difference(const ContainerSpec& wanted, const ContainerSpec& written);

}  // namespace ctr::engine::kube

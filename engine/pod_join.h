// What belonging to a pod means for a container: its specification when it is created, its namespaces when it is
// started.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/lock.h"
#include "base/result.h"
#include "engine/core.h"
#include "engine/pod_record.h"
#include "engine/spec.h"
#include "runtime/monitor_plan.h"

namespace ctr::engine {

// `spec` as that of a member of `pod`, from which it has what it does not say itself. Pure.
// Errors: invalid in podman's words for what the pod decides.
Result<void> apply_pod(ContainerSpec& spec, const PodRecord& pod);
// What a member has of its pod's namespaces, and with them, taken out again: it may become a member of another one.
void forget_pod_settings(ContainerSpec& spec);
// apply_pod() for the pod that `spec` names, if it names one. Errors: not_found.
Result<void> resolve_pod_of(Core& core, ContainerSpec& spec);

// Brings the pod up when it is down, and keeps it up as long as what is returned lives. Nothing for an empty name.
Result<std::optional<FileLock>> hold_pod(Core& core, const std::string& pod);

// Has `plan` join what it shares with its pod, as long as what is returned lives. Errors: bad_state when the pod has
// gone down.
struct JoinedPod {
  std::vector<std::pair<runtime::NamespaceType, Fd>> files;
  Fd outer;  // the user namespace around that of the pod, where a root by fuse-overlayfs is served
};
Result<JoinedPod> join_pod(Core& core, const ContainerSpec& spec, runtime::LaunchPlan& plan);

}  // namespace ctr::engine

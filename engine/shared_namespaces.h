// --network, --pid, --ipc and --uts container:NAME: namespaces of other containers.
//
// A namespace belongs to a user namespace, and only who has rights over that one may join it: the container is in the
// user namespace of the other one as well, as all containers of a user are in one with podman. A privileged caller has
// the right without that, as long as the container gets no user namespace of its own.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"
#include "engine/core.h"
#include "engine/spec.h"
#include "runtime/monitor_plan.h"

namespace ctr::engine {

// Where the /dev/shm of another container is found by who shares its System V IPC; below the bundle.
inline constexpr const char* k_shared_shm_dir = "shared-shm";

// Makes the containers that `spec` names ids, ones that are started before, and has it join their user namespace. What
// they have of the host is the host's for it, too. Of who shares a host name comes that name.
// Errors: not_found; invalid in podman's words; unsupported when the user namespaces are not one.
Result<void> resolve_shared_namespaces(Core& core, ContainerSpec& spec);
// The option, as "pid", by which a namespace other than the user namespace is another container's; nullptr for none.
const char* first_sharing_option(const ContainerSpec& spec);

// Whether the /dev/shm of `spec` is another container's. `spec` has been resolved.
Result<bool> shares_shm(Core& core, const ContainerSpec& spec);

// The namespaces of other containers that a container joins, named in `plan`; to be kept until it runs.
struct SharedNamespaces {
  std::vector<Fd> files;
};
// `dir` is the container's own. Errors: bad_state when one of the others does not run.
Result<SharedNamespaces> join_shared_namespaces(Core& core, const Dir& dir, const ContainerSpec& spec,
                                                runtime::LaunchPlan& plan);

}  // namespace ctr::engine

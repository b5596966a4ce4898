// --network container:NAME and ns:PATH: a network that others have made. The namespace of another container is joined
// as all of its are (engine/shared_namespaces); what is here is that of a path, which belongs to a user namespace that
// is joined as well, and what comes with a network: names and their files.
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "engine/core.h"
#include "engine/record.h"
#include "engine/spec.h"
#include "runtime/monitor_plan.h"

namespace ctr::engine {

// Checks what goes together with the network of `spec`, which a container is to be made from. Errors: invalid and
// not_found in podman's words; unsupported.
Result<void> resolve_network(Core& core, ContainerSpec& spec);

// Where the files of its network are: the directory of the container that it shares the network of, or empty.
Result<std::string> shared_files_dir(Core& core, const ContainerSpec& spec);

// The namespaces that --network ns: is about, named in `plan`; to be kept until the container runs.
struct JoinedNetwork {
  Fd network;
  Fd user;
};
// Errors: permission for a namespace of somebody else.
Result<JoinedNetwork> join_network(Core& core, const ContainerSpec& spec, runtime::LaunchPlan& plan);

// Adds the names of the container to the hosts file that it shares.
Result<void> add_to_shared_hosts(Core& core, const ContainerRecord& record);

}  // namespace ctr::engine

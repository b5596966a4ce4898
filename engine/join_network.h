// --network container:NAME and ns:PATH: a network namespace that others have made.
//
// A network namespace belongs to a user namespace, and only who has rights over that one may join it: the container is
// in it as well, as all containers of a user are in one with podman. A privileged caller has the right without that.
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "engine/core.h"
#include "engine/record.h"
#include "engine/spec.h"
#include "runtime/monitor_plan.h"

namespace ctr::engine {

// Checks what goes together with the network of `spec`, which a container is to be made from. The container whose
// network is shared becomes an id, one that is started before, and the one whose user namespace is shared. Errors:
// invalid and not_found in podman's words; unsupported.
Result<void> resolve_network(Core& core, ContainerSpec& spec);

// Where the files of its network are: the directory of the container that it shares the network of, or empty.
Result<std::string> shared_files_dir(Core& core, const ContainerSpec& spec);

// The namespaces of a container that is about to be started, named in `plan`; to be kept until it runs.
struct JoinedNetwork {
  Fd network;
  Fd user;
};
// Errors: bad_state when the other container does not run; permission for a namespace of somebody else.
Result<JoinedNetwork> join_network(Core& core, const ContainerSpec& spec, runtime::LaunchPlan& plan);

// Adds the names of the container to the hosts file that it shares.
Result<void> add_to_shared_hosts(Core& core, const ContainerRecord& record);

}  // namespace ctr::engine

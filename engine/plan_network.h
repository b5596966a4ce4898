// What a container's networks take at its start, decided before anything is made.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/network/private_network.h"
#include "engine/spec.h"
#include "runtime/host_facts.h"

namespace ctr::engine {

// Who gets the networks: a container, by what of it is known without its image.
struct NetworkOwner {
  std::string id;
  std::string name;
  std::string store;                   // where the definitions of networks are
  std::string run;                     // $XDG_RUNTIME_DIR/ctr
  std::string hosts_file;              // its /etc/hosts on the host; empty: none of ctr's
  std::string resolv_file;             // and its /etc/resolv.conf
  std::vector<std::string> own_names;  // what its addresses are called in there
  std::string host_address;            // of host.containers.internal, where it is configured
};

// nullopt where the network namespace is not the container's own. Errors: as network::plan_uplink(); not_found for a
// network that is gone.
Result<std::optional<network::NetworkPlan>> plan_network(const ContainerSpec& spec, const runtime::HostFacts& host,
                                                         const NetworkOwner& owner);

// Whether one of them is about an interface that the network brings, which has to be there first.
bool sets_up_interface(const std::map<std::string, std::string>& sysctls);

}  // namespace ctr::engine

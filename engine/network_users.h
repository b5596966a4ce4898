// Which containers and pods use which networks: what their records name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "storage/containers.h"

namespace ctr::engine {

struct NetworkUsers {
  std::vector<storage::ContainerEntry> containers;
  std::vector<storage::ContainerEntry> pods;
  bool empty() const { return containers.empty() && pods.empty(); }
  // Both, pods behind containers.
  std::vector<storage::ContainerEntry> all() const;
};

// Every network that some container or pod names, with those.
Result<std::map<std::string, NetworkUsers>> users_of_networks(Core& core);
// The same for one network: only records that hold its name at all are read as JSON.
Result<NetworkUsers> find_network_users(Core& core, const std::string& name);

}  // namespace ctr::engine

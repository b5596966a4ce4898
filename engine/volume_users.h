// Which containers use which volumes: what their records name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "storage/containers.h"

namespace ctr::engine {

// Every volume that some container names, with the containers.
Result<std::map<std::string, std::vector<storage::ContainerEntry>>> users_of_volumes(Core& core);
// The same for one volume: only records that hold its name at all are read as JSON.
Result<std::vector<storage::ContainerEntry>> find_volume_users(Core& core, const std::string& name);

}  // namespace ctr::engine

// What the commands that remove everything unused share.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "engine/engine.h"

namespace ctr::cli {

// What was removed, by id or name, and the exit code: what could not be removed has been told.
struct Pruned {
  std::vector<std::string> names;
  int code = 0;
};

// Every container that does not run and that is not about to.
Result<Pruned> prune_containers(Context& context, const std::vector<engine::ContainerFilter>& filters);
// Those of `volumes` that nobody has begun to use since they were listed.
Result<Pruned> prune_volumes(Context& context, const std::vector<engine::VolumeInfo>& volumes);

// Those that no container uses.
Result<Pruned> prune_networks(Context& context, std::vector<engine::ContainerFilter> filters);
// Every pod whose containers have ended.
Result<Pruned> prune_pods(Context& context);

}  // namespace ctr::cli

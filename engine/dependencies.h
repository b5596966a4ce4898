// --requires: containers that others need, and the order of starts and removals that comes of it.
//
// containers/<id>/dependents/<other> says that <other> needs <id>. It is made under the lock of <id> before <other> can
// be seen; where <other> is gone it means nothing.
#pragma once

#include <string>
#include <vector>

#include "base/lock.h"
#include "base/result.h"
#include "engine/container_info.h"
#include "engine/core.h"
#include "storage/containers.h"

namespace ctr::engine {

// Names and ids as typed become ids, each once. Errors: not_found in podman's words.
Result<void> resolve_dependencies(Core& core, std::vector<std::string>& names);

// The containers that a new one needs, locked so that none can go before the new one is visible. `ids` are resolved.
// Errors: not_found for one that is gone.
class [[nodiscard]] DependenciesOfNew {
 public:
  static Result<DependenciesOfNew> hold(Core& core, const storage::ContainerId& dependent,
                                        const std::vector<std::string>& ids);

 private:
  std::vector<FileLock> locks_;
};

// The containers that need this one, in the order of their ids.
Result<std::vector<storage::ContainerEntry>> find_dependents(Core& core, const storage::ContainerId& id);
// Errors: exists when there are any, in podman's words.
Result<void> check_no_dependents(Core& core, const storage::ContainerId& id);
// The container with this record is gone: those that it needed are free of it.
void release_dependencies(Core& core, const ContainerRecord& record);

// What the record of a container says that it needs: ids of containers, and of its pod.
struct Needs {
  std::vector<std::string> dependencies;
  std::string pod;
};
Result<Needs> read_needs(Core& core, const storage::ContainerId& id);

}  // namespace ctr::engine

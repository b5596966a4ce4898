// The verbs on containers beside creating, running and removing: a header of its own, since few commands need it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace ctr::engine {

class Core;

class ContainerVerbs {
 public:
  virtual ~ContainerVerbs() = default;

  // Gives a container another name, whether it runs or not. Its own name is fine. Errors: exists, invalid, not_found.
  virtual Result<void> rename(const ContainerId& id, const std::string& new_name) = 0;
  // Headings and a row for each process; descriptors as in top.h. Errors: bad_state when the container does not run.
  virtual Result<std::vector<std::vector<std::string>>> top(const ContainerId& id,
                                                            const std::vector<std::string>& descriptors) = 0;
};

// The verbs of an open engine; they live as long as it does.
ContainerVerbs& container_verbs(Engine& engine);

// `core` must outlive it.
std::unique_ptr<ContainerVerbs> make_container_verbs(Core& core);

}  // namespace ctr::engine

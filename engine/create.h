// The second half of `create`: names, directories, volumes.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "engine/core.h"
#include "engine/prepare.h"

namespace ctr::engine {

// A container that was created by this process: starting it needs nothing read back.
struct CreatedContainer {
  ContainerInfo info;
  PreparedContainer prepared;
  std::vector<int> preserved_fds;  // see CreateOptions
  std::vector<Fd> sockets;         // of its ports, for the start that follows; see bind_mappings()
};

// Finds or pulls the image, prepares, and commits the directory.
//
// A container with --rm is not synced: it would not outlive a power cut anyway.
// Errors: exists for the name (in podman's words), and everything prepare_container says.
Result<CreatedContainer> create_container(Core& core, ContainerSpec spec, const CreateOptions& options);

// The same without a trace: nothing is reserved or written.
Result<PreparedContainer> rehearse_container(Core& core, ContainerSpec spec);

// Fills `spec.name` with a made-up name that nobody has, and checks one that was given.
Result<std::string> choose_name(Core& core, const ContainerSpec& spec);

// What this host makes of limits: devices get their numbers, and what only cgroup v1 has of the CPU is discarded with
// podman's warning.
Result<void> settle_limits(Core& core, ResourceSpec& limits);

}  // namespace ctr::engine

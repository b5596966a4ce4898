// Verbs on everything at once, and on what belongs to no container or image.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core.h"

namespace ctr::engine {

// What the container has written, and that plus its image.
Result<Engine::ContainerSize> measure_container(Core& core, const ContainerInfo& info);

// The file that the credentials are kept in.
Result<std::string> login_to_registry(Core& core, const LoginOptions& options);
// The user name that is stored for a registry. Errors: not_found.
Result<std::string> find_login(Core& core, const LoginOptions& options);
Result<void> logout_of_registry(Core& core, const std::string& registry, bool all, const std::string& authfile);

// Runs a command of the host as root of a user namespace with the full id map; without one, the user's shell.
// Errors: command_not_found, command_not_executable.
Result<int> unshare_command(Core& core, const std::vector<std::string>& argv);

// Stops and removes every container, then everything else in the store.
Result<void> reset_everything(Core& core);

}  // namespace ctr::engine

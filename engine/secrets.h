// Secrets: the verbs of `ctr secret`, and what containers get of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/core.h"
#include "engine/secret_info.h"
#include "engine/spec.h"
#include "runtime/secret_files.h"
#include "runtime/spec.h"

namespace ctr::engine {

// ---- of a container

// Fills in the id of each secret that a new container names, and leaves out those whose place a later one takes.
// Errors: not_found in podman's words.
Result<void> resolve_secrets(Core& core, std::vector<SecretUse>& uses);

// The files of a container that is only planned: where they lie, without what is in them.
std::vector<runtime::SecretFile> planned_files(const std::vector<SecretUse>& uses);

// What the container's secrets are at this moment: files that the runtime makes, and their bytes one behind the other.
struct SecretsOfStart {
  std::vector<runtime::SecretFile> files;
  std::string bytes;
  std::vector<std::string> env;  // KEY=VALUE
};
// Read at each start, so that nothing of them is in the container's directory.
// Errors: not_found when one was removed since, invalid for one that cannot be a variable.
Result<SecretsOfStart> read_secrets(Core& core, const std::vector<SecretUse>& uses);
// The variables alone, for processes that join the container. Errors: as read_secrets.
Result<std::vector<std::string>> secret_env(Core& core, std::vector<SecretUse> uses);

// ---- by themselves

// The id. Errors: exists, invalid, unsupported.
Result<std::string> create_secret(Core& core, const SecretOptions& options, std::string_view data);
// Sorted by name.
Result<std::vector<SecretInfo>> list_secrets(Core& core);
// Errors: not_found in podman's words.
Result<SecretInfo> find_secret(Core& core, const std::string& name_or_id);
Result<std::string> read_secret(Core& core, const SecretInfo& secret);
// The id of what was removed. Errors: not_found.
Result<std::string> remove_secret(Core& core, const std::string& name_or_id);

}  // namespace ctr::engine

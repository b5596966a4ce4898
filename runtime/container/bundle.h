// A bundle made ready to launch: its configuration read, checked, and completed with what this user needs.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "runtime/container/state_root.h"
#include "runtime/host_facts.h"
#include "runtime/rootfs_plan.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"

namespace ctr::runtime {

// A configuration, completed with what this user needs.
struct PreparedConfig {
  RuntimeSpec spec;  // with process
  std::optional<SeccompProgram> seccomp;
};

// `text` is that of a config.json. A user who is not root and whose configuration has no user namespace gets one with
// all ids that are his. Compiled filters are kept in the state directory. Errors: invalid, unsupported.
Result<PreparedConfig> prepare_config(const std::string& text, const StateRoot& root, const HostFacts& host);

struct PreparedBundle {
  std::string bundle;       // absolute
  std::string config_text;  // as it was read
  PreparedConfig config;
  RootfsPlan rootfs;
};

// Reads `config_path` (empty: config.json of the bundle).
// Errors: not_found, and as prepare_config().
Result<PreparedBundle> prepare_bundle(const std::string& bundle, const std::string& config_path, const StateRoot& root,
                                      const HostFacts& host);

}  // namespace ctr::runtime

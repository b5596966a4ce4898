// A bundle made ready to launch: its configuration read, checked, and completed with what this user needs.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "runtime/host_facts.h"
#include "runtime/rootfs_plan.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"

namespace ctr::runtime {

struct PreparedBundle {
  std::string bundle;       // absolute
  std::string config_text;  // as it was read
  RuntimeSpec spec;
  RootfsPlan rootfs;
  std::optional<SeccompProgram> seccomp;
};

// Reads `config_path` (empty: config.json of the bundle).
//
// A user who is not root and whose configuration has no user namespace gets one with all ids that are his.
// Errors: not_found, invalid, unsupported.
Result<PreparedBundle> prepare_bundle(const std::string& bundle, const std::string& config_path, const HostFacts& host);

}  // namespace ctr::runtime

// The checks of `ctr doctor`: what this host and this user lack, and the one command that mends it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/paths.h"
#include "base/result.h"
#include "engine/engine.h"
#include "runtime/host_facts.h"

namespace ctr::engine {

// What the checks look at besides HostFacts. Functions, so that tests answer for the kernel.
struct DoctorProbes {
  // Mounts an overlay in a throw-away user namespace on the file system of the store.
  std::function<Result<bool>()> native_overlay;
  // The name of the file system that holds the store, as statfs(2) knows it: "ext4", "nfs", …
  std::function<Result<std::string>()> store_file_system;
  // True when the path exists.
  std::function<bool(const std::string&)> exists;
  // The host's net.ipv4.ping_group_range: the groups that may ping without rights; nullopt where the kernel has none.
  std::function<std::optional<std::pair<uint32_t, uint32_t>>()> ping_groups;
  // True when newuidmap at this path may set maps: set-user-id root, or the capability as an attribute.
  std::function<bool(const std::string&)> is_privileged_program;
};
// The name of the file system that `path` is on or would be: "ext4", "nfs", …
Result<std::string> file_system_name(std::string path);
DoctorProbes host_probes(const runtime::HostFacts& host, const UserPaths& paths);

// What leaves a container's network is sent by a program of this user: whether that is allowed to ping.
Check check_ping(const runtime::HostFacts& host, const DoctorProbes& probes);
// All checks, in the order in which they should be mended. Changes nothing.
std::vector<Check> run_checks(const runtime::HostFacts& host, const UserPaths& paths, const Environment& environment,
                              const DoctorProbes& probes);

}  // namespace ctr::engine

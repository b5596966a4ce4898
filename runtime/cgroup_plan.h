// CgroupPlan: which cgroup a container gets, who makes it, and where the monitor goes. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "runtime/host_facts.h"

namespace ctr::runtime {

enum class CgroupManager {
  systemd,   // a transient scope, asked for over D-Bus
  cgroupfs,  // a directory of ours
  disabled,  // none
};
std::string_view cgroup_manager_name(CgroupManager manager);
// "systemd", "cgroupfs", "disabled"; nullopt for other words.
std::optional<CgroupManager> parse_cgroup_manager(std::string_view name);
// systemd where a (user) systemd answers on a bus and cgroups are v2, as podman chooses; else cgroupfs where a part of
// the tree is ours; else disabled.
CgroupManager default_cgroup_manager(const CgroupFacts& facts);
// The controllers that a container's cgroup can have under `manager`.
std::vector<std::string> cgroup_controllers(CgroupManager manager, const CgroupFacts& facts);

// --cgroups of podman.
enum class CgroupsMode {
  enabled,     // a cgroup for the container, and another for its monitor
  no_monitor,  // "no-conmon": the monitor stays where it was started
  split,       // both below the cgroup of the starter, which a unit with Delegate=yes has to itself
  disabled,    // the container stays in the cgroup of the starter
};
std::string_view cgroups_mode_name(CgroupsMode mode);
std::optional<CgroupsMode> parse_cgroups_mode(std::string_view name);

struct CgroupPlan {
  enum class Kind {
    none,
    directory,      // `path` is made
    split,          // our cgroup becomes `supervisor`, with `path` beside it
    scope,          // `unit` holds the monitor and, in `container` below it, the container
    process_scope,  // `unit` holds the container's processes only
  };
  Kind kind = Kind::none;
  CgroupManager manager = CgroupManager::disabled;
  std::string path = {};   // of directories: below the v2 mount point, "/a/b"
  std::string unit = {};   // of scopes: "ctr-<id>.scope"
  std::string slice = {};  // of scopes: "user.slice"
  bool operator==(const CgroupPlan&) const = default;
};

struct CgroupRequest {
  std::string container_id;
  CgroupManager manager = CgroupManager::disabled;
  CgroupsMode mode = CgroupsMode::enabled;
  std::string parent = {};  // --cgroup-parent: a slice for systemd, a directory for cgroupfs; empty: the usual one
};
// For `ctr run` and its kin. Errors: unsupported (mode or parent that this host cannot do), invalid.
Result<CgroupPlan> plan_cgroup(const CgroupRequest& request, const CgroupFacts& facts);

// For a bundle's linux.cgroupsPath: "slice:prefix:name" with systemd, else a path that is absolute below the mount
// point or relative to where cgroups of ours are made. Errors: invalid, unsupported. Source: runtime-spec
// config-linux.md "Cgroups Path".
Result<CgroupPlan> plan_bundle_cgroup(const std::string& cgroups_path, const std::string& container_id,
                                      CgroupManager manager, const HostFacts& host);

Json to_json(const CgroupPlan& plan);
Result<CgroupPlan> cgroup_plan_from_json(const JsonReader& reader);

}  // namespace ctr::runtime

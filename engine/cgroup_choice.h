// Which cgroup a container of ours gets: from its specification, the configuration and the host. Pure.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/config.h"
#include "engine/spec.h"
#include "runtime/cgroup_plan.h"
#include "runtime/host_facts.h"

namespace ctr::engine {

// Who makes cgroups: what --cgroup-manager says, else containers.conf, else what the host has. A configuration that
// asks for systemd where none is gives cgroupfs, as with podman; an option does not. Errors: unsupported.
Result<runtime::CgroupManager> choose_cgroup_manager(const std::string& option, const Config& config,
                                                     const runtime::CgroupFacts& facts);

// True when a container with that cgroup can have a limit of `controller`.
bool can_limit(const runtime::CgroupPlan& plan, const std::string& controller, const runtime::HostFacts& host);

// Errors: as plan_cgroup(), and unsupported for a manager that this host does not have.
Result<runtime::CgroupPlan> choose_cgroup(const ContainerSpec& spec, const std::string& container_id,
                                          const Config& config, const runtime::HostFacts& host);

}  // namespace ctr::engine

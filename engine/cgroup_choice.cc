#include "engine/cgroup_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ctr::engine {

Result<runtime::CgroupManager> choose_cgroup_manager(const std::string& option, const Config& config,
                                                     const runtime::CgroupFacts& facts) {
  const std::string& name = option.empty() ? config.cgroup_manager : option;
  if (name.empty()) return runtime::default_cgroup_manager(facts);
  const auto manager = runtime::parse_cgroup_manager(name);
  if (!manager) {
    return Error(Errc::unsupported,
                 fmt::format("cgroup manager '{}': choose systemd, cgroupfs or disabled", printable(name)));
  }
  if (*manager == runtime::CgroupManager::systemd && option.empty() && facts.systemd_bus.empty()) {
    return runtime::CgroupManager::cgroupfs;
  }
  return *manager;
}

bool can_limit(const runtime::CgroupPlan& plan, const std::string& controller, const runtime::HostFacts& host) {
  if (plan.kind == runtime::CgroupPlan::Kind::none) return false;
  // What a cgroup elsewhere may have is only known in there: whoever delegates one gives it the usual controllers.
  if (plan.kind == runtime::CgroupPlan::Kind::split) return true;
  const auto available = runtime::cgroup_controllers(plan.manager, host.cgroup);
  return std::find(available.begin(), available.end(), controller) != available.end();
}

Result<runtime::CgroupPlan> choose_cgroup(const ContainerSpec& spec, const std::string& container_id,
                                          const Config& config, const runtime::HostFacts& host) {
  const auto mode = runtime::parse_cgroups_mode(spec.cgroups.empty() ? "enabled" : spec.cgroups);
  if (!mode) {
    return Error(Errc::invalid,
                 fmt::format("--cgroups {}: choose enabled, disabled, no-conmon or split", printable(spec.cgroups)));
  }
  const std::string& named = spec.cgroup_manager.empty() ? config.cgroup_manager : spec.cgroup_manager;
  if (*mode == runtime::CgroupsMode::split && named == "disabled") {
    return Error(Errc::invalid, "--cgroups split and the cgroup manager disabled exclude each other");
  }
  return runtime::plan_cgroup({.container_id = container_id,
                               .manager = TRY(choose_cgroup_manager(spec.cgroup_manager, config, host.cgroup)),
                               .mode = *mode,
                               .parent = spec.cgroup_parent},
                              host.cgroup);
}

}  // namespace ctr::engine

#include "runtime/cgroup_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/cgroup_limits.h"

namespace ctr::runtime {
namespace {

// Why there is no cgroup at all.
Error no_cgroup(const std::string& subject, const CgroupFacts& facts) {
  const auto error = [&](std::string_view why) {
    return Error(Errc::unsupported, fmt::format("{} cannot be limited: {}", subject, why));
  };
  switch (facts.mode) {
    case CgroupMode::none:
      return error("no cgroup file system is mounted").with_hint("mount -t cgroup2 cgroup2 /sys/fs/cgroup");
    case CgroupMode::v1:
    case CgroupMode::hybrid:
      return error(fmt::format("cgroups are not delegated to this user (mode: {})", cgroup_mode_name(facts.mode)))
          .with_hint(
              "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line: see `ctr doctor`; or run "
              "without the limit");
    case CgroupMode::v2_not_delegated:
      return error("cgroups are not delegated to this user (mode: v2, not delegated)")
          .with_hint(
              "log in through a session of systemd, which delegates: see `ctr doctor`; or run without the limit");
    case CgroupMode::v2_delegated:
      break;
  }
  return error("the container has no cgroup").with_hint("use --cgroups enabled");
}

// What every cgroup has by itself; containerd asks for it. Source: the kernel's cgroup-v2.rst, "CPU Interface Files".
bool is_default(const CgroupSetting& setting) { return setting.file == "cpu.weight" && setting.value == "100"; }

}  // namespace

Error missing_controller(std::string_view subject, std::string_view controller, uid_t uid) {
  const auto error = [&](std::string_view why) {
    return Error(Errc::unsupported,
                 fmt::format("{} cannot be limited: the cgroup controller '{}' is not {}", subject, controller, why));
  };
  if (uid == 0) {
    return error("available here")
        .with_hint(
            "the kernel lacks it, or it is disabled on the kernel's command line, or cgroup v1 holds it: look at "
            "/sys/fs/cgroup/cgroup.controllers");
  }
  return error("delegated to this user")
      .with_hint(
          "write '[Service]' and 'Delegate=cpu cpuset io memory pids' to "
          "/etc/systemd/system/user@.service.d/delegate.conf, then log in again");
}

Result<void> check_limits(const SpecResources& resources, const CgroupPlan& plan, const HostFacts& host) {
  const std::vector<CgroupSetting> settings = TRY(cgroup_settings(resources));
  const std::vector<std::string> available = cgroup_controllers(plan.manager, host.cgroup);
  // Of a cgroup elsewhere only the kernel knows, when it is made.
  const bool known = plan.kind == CgroupPlan::Kind::scope || plan.kind == CgroupPlan::Kind::process_scope ||
                     (plan.kind == CgroupPlan::Kind::directory && plan.path.starts_with(host.cgroup.parent_path));
  for (const CgroupSetting& setting : settings) {
    if (plan.kind == CgroupPlan::Kind::none) {
      if (is_default(setting)) continue;
      return no_cgroup(setting.subject, host.cgroup);
    }
    if (!known || setting.controller.empty()) continue;
    if (std::find(available.begin(), available.end(), setting.controller) != available.end()) continue;
    return missing_controller(setting.subject, setting.controller, host.uid);
  }
  return ok();
}

}  // namespace ctr::runtime

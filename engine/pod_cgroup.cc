#include "engine/pod_cgroup.h"

#include <fmt/format.h>

#include "engine/cgroup_choice.h"
#include "engine/create.h"
#include "engine/limits.h"
#include "runtime/cgroup.h"
#include "runtime/cgroup_check.h"
#include "runtime/systemd_scope.h"

namespace ctr::engine {

namespace {

using runtime::CgroupPlan;

constexpr std::string_view k_slice = ".slice";

bool is_slice(const std::string& cgroup) { return cgroup.ends_with(k_slice); }

// Its name says below which other slice it is. Source: systemd.slice(5).
std::string slice_below(std::string parent, const std::string& pod_id) {
  parent.resize(parent.size() - k_slice.size());
  if (parent == "-") parent.clear();
  return fmt::format("{}{}ctr_pod_{}{}", parent, parent.empty() ? "" : "-", pod_id.substr(0, 32), k_slice);
}

// What systemd has no property for can be set for one container only.
Result<void> check_slice_limits(const ResourceSpec& limits) {
  const bool by_device = !limits.blkio_weight_devices.empty() || !limits.read_bps.empty() ||
                         !limits.write_bps.empty() || !limits.read_iops.empty() || !limits.write_iops.empty();
  if (!by_device) return ok();
  return Error(Errc::unsupported, "limits of single devices cannot be set for a pod whose cgroups systemd makes")
      .with_hint("give them to the containers, or use --cgroup-manager cgroupfs");
}

Result<CgroupPlan> plan_like(Core& core, const std::string& pod_id, const PodSpec& spec) {
  auto like = spec.shared;
  like.cgroup_manager = core.options().cgroup_manager;
  return choose_cgroup(like, "pod-" + pod_id, *TRY(core.config()), *TRY(core.host()));
}

}  // namespace

Result<std::string> choose_pod_cgroup(Core& core, const std::string& pod_id, PodSpec& spec) {
  auto& shared = spec.shared;
  if (shared.resources == ResourceSpec{}) return std::string();
  TRY(settle_limits(core, shared.resources));
  const auto plan = TRY(plan_like(core, pod_id, spec));
  TRY(runtime::check_limits(runtime_limits(shared.resources), plan, *TRY(core.host())));
  if (!spec.infra || !spec.share_parent) {
    return Error(Errc::invalid, "limits of a pod need an infra container and --share-parent")
        .with_hint("leave out --infra=false and --share-parent=false");
  }
  if (plan.kind == CgroupPlan::Kind::directory) return plan.path;
  TRY(check_slice_limits(shared.resources));
  return slice_below(plan.slice, pod_id);
}

Result<CgroupPlan> plan_monitor_scope(Core& core, const std::string& pod_id, const PodSpec& spec) {
  const auto manager =
      TRY(choose_cgroup_manager(core.options().cgroup_manager, *TRY(core.config()), TRY(core.host())->cgroup));
  if (manager != runtime::CgroupManager::systemd || !spec.monitor_pid_file.empty()) return CgroupPlan{};
  auto plan = TRY(plan_like(core, pod_id, spec));
  return plan.kind == CgroupPlan::Kind::scope ? std::move(plan) : CgroupPlan{};
}

Result<void> make_pod_cgroup(Core& core, const std::string& cgroup, const ResourceSpec& limits) {
  if (cgroup.empty()) return ok();
  const auto* host = TRY(core.host());
  const auto resources = runtime_limits(limits);
  if (is_slice(cgroup)) {
    return runtime::set_scope_limits(cgroup, runtime::scope_limits(resources), *host, core.cancel());
  }
  const auto& facts = host->cgroup;
  const auto made =
      TRY(runtime::Cgroup::make(facts.mount_point, cgroup, runtime::Cgroup::Existing::keep, facts.controllers));
  return made.apply(resources);
}

Result<void> remove_pod_cgroup(Core& core, const std::string& cgroup) {
  if (cgroup.empty() || is_slice(cgroup)) return ok();
  auto opened = runtime::Cgroup::open(TRY(core.host())->cgroup.mount_point, cgroup);
  if (!opened && opened.error().code() == Errc::not_found) return ok();
  auto made = TRY(std::move(opened));
  // Members that somebody has started since have it.
  if (made.has_processes()) return ok();
  return made.remove();
}

}  // namespace ctr::engine

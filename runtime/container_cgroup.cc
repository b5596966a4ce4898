#include "runtime/container_cgroup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/cgroup_check.h"
#include "runtime/cgroup_files.h"
#include "runtime/cgroup_limits.h"
#include "runtime/device_policy.h"
#include "runtime/systemd_scope.h"

namespace ctr::runtime {
namespace {

using Kind = CgroupPlan::Kind;

const SpecResources& resources_of(const RuntimeSpec& spec) {
  static const SpecResources k_none;
  return spec.linux_config.resources ? *spec.linux_config.resources : k_none;
}

Result<std::vector<std::string>> controllers_of(const RuntimeSpec& spec) {
  return wanted_controllers(TRY(cgroup_settings(resources_of(spec))));
}

// Every process of our cgroup goes to `supervisor` below it: a cgroup with processes in it gives its children no
// controllers. New ones may be forked meanwhile, so that it is done until none is left.
Result<void> leave_own_cgroup(const HostFacts& host) {
  constexpr int k_rounds = 100;
  const Cgroup own = TRY(Cgroup::open(host.cgroup.mount_point, host.cgroup.own_path));
  const std::string path = host.cgroup.own_path + "/supervisor";
  auto supervisor = own.make_child("supervisor", {});
  if (!supervisor && supervisor.error().code() == Errc::exists) {
    supervisor = Cgroup::open(host.cgroup.mount_point, path);
  }
  if (!supervisor) return std::move(supervisor).error();
  for (int round = 0; round < k_rounds; ++round) {
    const auto processes = TRY(cgroup_processes(own.dir()));
    if (processes.empty()) return ok();
    for (const pid_t pid : processes) {
      auto moved = supervisor->add(pid);
      // It has ended meanwhile.
      if (!moved && moved.error().sys() != ESRCH) return std::move(moved).context("leave our cgroup to its children");
    }
  }
  return Error(Errc::in_use, fmt::format("cgroup '{}' gets new processes all the time", host.cgroup.own_path));
}

// The container's root owns its cgroup exactly when it sees it as the root of a tree it may write to.
// Source: runtime-spec config-linux.md "Cgroup ownership".
bool is_delegated(const RuntimeSpec& spec) {
  if (!spec.has_fresh_namespace(NamespaceType::cgroup)) return false;
  for (const SpecMount& mount : spec.mounts) {
    if (mount.destination != "/sys/fs/cgroup") continue;
    const bool cgroup = mount.type == "cgroup" || mount.type == "cgroup2";
    const bool readonly = std::find(mount.options.begin(), mount.options.end(), "ro") != mount.options.end();
    return cgroup && !readonly;
  }
  return false;
}

Result<void> delegate(const Cgroup& cgroup, const RuntimeSpec& spec) {
  if (!is_delegated(spec)) return ok();
  const IdMap& ids = spec.linux_config.ids;
  if (ids.uids.empty() || ids.gids.empty()) return ok();
  const auto uid = to_outside(ids.uids, 0);
  const auto gid = to_outside(ids.gids, 0);
  if (!uid || !gid) return ok();
  return cgroup.give_to(*uid, *gid);
}

}  // namespace

Result<ContainerCgroup> ContainerCgroup::prepare(const CgroupPlan& plan, const RuntimeSpec& spec, const HostFacts& host,
                                                 Cgroup::Existing existing, const CancelToken& cancel) {
  TRY(check_limits(resources_of(spec), plan, host));
  ContainerCgroup out(plan, spec, host);
  if (plan.kind == Kind::none || plan.kind == Kind::process_scope) return out;
  if (plan.kind == Kind::scope) {
    TRY(out.start_monitor_scope(cancel));
  } else {
    if (plan.kind == Kind::split) TRY(leave_own_cgroup(host));
    out.cgroup_ = TRY(Cgroup::make(host.cgroup.mount_point, plan.path, existing, TRY(controllers_of(spec))));
  }
  if (auto done = out.set_up(); !done) {
    if (out.cgroup_->is_new()) out.cgroup_->remove().ignore("the first error is the one that counts");
    return std::move(done).error();
  }
  return out;
}

Result<void> ContainerCgroup::start_monitor_scope(const CancelToken& cancel) {
  TRY(enter_scope(*plan_, "ctr container", *host_, cancel));
  const Cgroup scope = TRY(Cgroup::open(host_->cgroup.mount_point, TRY(cgroup_of(0))));
  TRY(TRY(scope.make_child("monitor", {})).add(::getpid()));
  cgroup_ = TRY(scope.make_child("container", TRY(controllers_of(*spec_))));
  return ok();
}

Result<void> ContainerCgroup::adopt(pid_t pid, const CancelToken& cancel) {
  if (plan_->kind != Kind::process_scope) return ok();
  TRY(start_scope({.plan = *plan_,
                   .description = "ctr container",
                   .processes = {pid},
                   .limits = scope_limits(resources_of(*spec_))},
                  *host_, cancel));
  cgroup_ = TRY(Cgroup::open(host_->cgroup.mount_point, TRY(cgroup_of(pid))));
  unit_ = plan_->unit;
  return set_up();
}

Result<bool> ContainerCgroup::clean_up() {
  if (!cgroup_) return false;
  const bool oom_killed = cgroup_->oom_killed();
  TRY(cgroup_->kill());
  TRY(cgroup_->remove());
  cgroup_.reset();
  return oom_killed;
}

// Limits, devices, ownership.
Result<void> ContainerCgroup::set_up() {
  TRY(cgroup_->apply(resources_of(*spec_)));
  TRY(apply_device_rules(*cgroup_, resources_of(*spec_).devices, *host_));
  return delegate(*cgroup_, *spec_);
}

Result<void> apply_device_rules(const Cgroup& cgroup, const std::vector<SpecDeviceRule>& rules, const HostFacts& host) {
  if (rules.empty() || !host.privileged() || host.in_user_namespace) return ok();
  return set_device_policy(cgroup, rules);
}

// The name is free again a moment after the last process of an earlier run has ended, which may be the monitor that has
// just told of it: then another name does.
Result<void> enter_scope(CgroupPlan plan, const std::string& description, const HostFacts& host,
                         const CancelToken& cancel) {
  const pid_t self = ::getpid();
  const auto start = [&] {
    return start_scope({.plan = plan, .description = description, .processes = {self}, .limits = {}}, host, cancel);
  };
  auto started = start();
  if (started || started.error().code() != Errc::exists) return started;
  plan.unit.insert(plan.unit.rfind('.'), fmt::format("-{}", self));
  return start();
}

Result<void> come_near(const std::string& path, const HostFacts& host, const CancelToken& cancel) {
  if (host.privileged() || host.cgroup.systemd_bus.empty()) return ok();
  const std::string& own = host.cgroup.own_path;
  size_t common = 0;
  for (size_t i = 0; i <= std::min(own.size(), path.size()); ++i) {
    const bool own_ends = i == own.size() || own[i] == '/';
    const bool path_ends = i == path.size() || path[i] == '/';
    if (own_ends && path_ends) common = i;
    if (i == own.size() || i == path.size() || own[i] != path[i]) break;
  }
  // Source: cgroup-v2.rst, "Delegation Containment".
  const std::string ancestor = host.cgroup.mount_point + path.substr(0, common);
  if (::access((ancestor + "/cgroup.procs").c_str(), W_OK) == 0) return ok();
  CgroupPlan plan{.kind = Kind::process_scope, .manager = CgroupManager::systemd};
  plan.unit = fmt::format("ctr-exec-{}.scope", ::getpid());
  plan.slice = host.cgroup.systemd_slice;
  return start_scope({.plan = plan, .description = "ctr exec", .processes = {::getpid()}, .limits = {}}, host, cancel);
}

}  // namespace ctr::runtime

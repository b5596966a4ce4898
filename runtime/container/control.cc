#include "runtime/container/control.h"

#include <fmt/format.h>

#include "runtime/container/find_cgroup.h"
#include "runtime/container_cgroup.h"
#include "runtime/systemd_scope.h"

namespace ctr::runtime {

Result<LiveContainer> open_live(const StateRoot& root, const std::string& id, std::string_view act) {
  const Dir dir = TRY(root.find(id));
  ContainerRecord record = TRY(read_record(dir));
  ContainerView view = TRY(view_container(dir, record));
  if (view.status == ContainerStatus::stopped) {
    return Error(Errc::bad_state, fmt::format("cannot {} container '{}': container not running", act, id));
  }
  auto cgroup = TRY(find_cgroup(record));
  if (!cgroup) {
    return Error(Errc::unsupported, fmt::format("cannot {} container '{}': it has no cgroup of its own", act, id))
        .with_hint("see `ctr doctor` for what keeps cgroups from being made");
  }
  return LiveContainer{.record = std::move(record), .view = std::move(view), .cgroup = std::move(*cgroup)};
}

Result<void> pause_container(const StateRoot& root, const std::string& id) {
  const LiveContainer live = TRY(open_live(root, id, "pause"));
  if (live.view.status != ContainerStatus::running && live.view.status != ContainerStatus::created) {
    return Error(Errc::bad_state,
                 fmt::format("cannot pause container '{}': it is {}", id, status_name(live.view.status)));
  }
  return live.cgroup.freeze();
}

Result<void> resume_container(const StateRoot& root, const std::string& id) {
  const LiveContainer live = TRY(open_live(root, id, "resume"));
  if (!live.cgroup.is_frozen()) {
    return Error(Errc::bad_state,
                 fmt::format("cannot resume container '{}': it is {}, not paused", id, status_name(live.view.status)));
  }
  return live.cgroup.thaw();
}

Result<void> update_container(const StateRoot& root, const std::string& id, const SpecResources& resources,
                              const HostFacts& host) {
  const LiveContainer live = TRY(open_live(root, id, "update"));
  TRY(live.cgroup.update(resources));
  TRY(apply_device_rules(live.cgroup, resources.devices, host));
  if (live.record.cgroup_unit.empty()) return ok();
  // Or it would write its own again when its configuration is read anew.
  return set_scope_limits(live.record.cgroup_unit, scope_limits(resources), host);
}

Result<void> update_container_rdt(const StateRoot& root, const std::string& id, const SpecIntelRdt& rdt) {
  const Dir dir = TRY(root.find(id));
  const ContainerRecord record = TRY(read_record(dir));
  if (TRY(view_container(dir, record)).status == ContainerStatus::stopped) {
    return Error(Errc::bad_state, fmt::format("cannot update container '{}': container not running", id));
  }
  if (!record.rdt) {
    return Error(Errc::unsupported,
                 fmt::format("cannot update container '{}': it was created without linux.intelRdt", id));
  }
  return set_rdt_shares(*record.rdt, rdt);
}

}  // namespace ctr::runtime

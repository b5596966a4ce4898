#include "runtime/container/find_cgroup.h"

namespace ctr::runtime {

Result<ContainerCgroup> prepare_cgroup(const CgroupPlan& plan, const RuntimeSpec& spec, const HostFacts& host) {
  const bool named = !spec.linux_config.cgroups_path.empty();
  return ContainerCgroup::prepare(plan, spec, host, named ? Cgroup::Existing::keep : Cgroup::Existing::replace);
}

void record_cgroup(const ContainerCgroup& cgroup, const HostFacts& host, ContainerRecord* record) {
  if (cgroup.cgroup() == nullptr) return;
  record->cgroup_path = cgroup.path();
  record->cgroup_mount = host.cgroup.mount_point;
  record->cgroup_unit = cgroup.unit();
  record->cgroup_made = cgroup.cgroup()->is_new();
}

Result<std::optional<Cgroup>> find_cgroup(const ContainerRecord& record) {
  if (record.cgroup_path.empty()) return std::optional<Cgroup>();
  auto cgroup = Cgroup::open(record.cgroup_mount, record.cgroup_path);
  if (!cgroup && cgroup.error().code() == Errc::not_found) return std::optional<Cgroup>();
  return std::optional(TRY(std::move(cgroup)));
}

}  // namespace ctr::runtime

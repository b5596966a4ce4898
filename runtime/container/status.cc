#include "runtime/container/status.h"

#include <array>

#include "base/lock.h"
#include "base/users.h"
#include "runtime/container/find_cgroup.h"
#include "runtime/container/state_root.h"

namespace ctr::runtime {
namespace {

// The name of who created it, or the number of a user without one.
std::string owner_name(uint32_t uid) {
  const auto entry = find_host_user(uid);
  return entry && *entry ? (*entry)->name : std::to_string(uid);
}

}  // namespace

std::string_view status_name(ContainerStatus status) {
  constexpr std::array<std::string_view, 5> k_names = {"creating", "created", "running", "paused", "stopped"};
  return k_names[static_cast<size_t>(status)];
}

Result<ContainerView> view_container(const Dir& container_dir, const ContainerRecord& record) {
  ContainerView view;
  if (!record.init || record.boot_id != TRY(read_boot_id())) {
    if (!record.init && TRY(is_locked(container_dir, k_container_lock))) view.status = ContainerStatus::creating;
    return view;
  }
  auto init = open_process(*record.init);
  if (!init && init.error().code() == Errc::not_found) return view;
  view.init = TRY(std::move(init));
  const bool waiting = TRY(is_locked(container_dir, k_waiting_lock));
  if (waiting) {
    view.status = record.ready ? ContainerStatus::created : ContainerStatus::creating;
    return view;
  }
  const auto cgroup = TRY(find_cgroup(record));
  view.status = cgroup && cgroup->is_frozen() ? ContainerStatus::paused : ContainerStatus::running;
  return view;
}

Json state_json(const ContainerRecord& record, ContainerStatus status) {
  const bool has_process = status != ContainerStatus::stopped && record.init.has_value();
  Json out = Json::object();
  out.set("ociVersion", record.oci_version)
      .set("id", record.id)
      .set("pid", has_process ? int64_t{record.init->pid} : int64_t{0})
      .set("status", status_name(status))
      .set("bundle", record.bundle)
      .set("rootfs", record.rootfs)
      .set("created", format_rfc3339(record.created))
      .set("owner", owner_name(record.uid));
  if (!record.annotations.empty()) out.set("annotations", Json::string_map(record.annotations));
  return out;
}

}  // namespace ctr::runtime

#include "engine/clone.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "engine/container_info.h"
#include "engine/image_lookup.h"
#include "engine/mount_sources.h"
#include "engine/mounts.h"
#include "engine/pod_join.h"

namespace ctr::engine {

namespace {

constexpr std::string_view k_suffix = "-clone";

// A volume without a name has got one, and one that the image declares has become a mount like others.
void share_volume(const MountRecord& volume, std::vector<MountSpec>& mounts) {
  const auto same = std::find_if(mounts.begin(), mounts.end(), [&](const auto& mount) {
    const auto place = clean_destination(mount.destination);
    return place && *place == volume.destination;
  });
  if (same != mounts.end()) {
    if (same->type == MountSpec::Type::volume) same->source = volume.name;
    return;
  }
  if (auto mount = inherited_mount(volume, {})) mounts.push_back(std::move(*mount));
}

// What clones of `name` are called: that of a clone is counted on.
std::string base_of_clones(const std::string& name) {
  const auto at = name.rfind(k_suffix);
  if (at == std::string::npos) return name + std::string(k_suffix);
  const auto number = name.substr(at + k_suffix.size());
  const bool is_clone = number.empty() || number.find_first_not_of("0123456789") == std::string::npos;
  return is_clone ? name.substr(0, at + k_suffix.size()) : name + std::string(k_suffix);
}

Result<std::string> free_name(Core& core, const std::string& name) {
  const auto containers = TRY(core.store())->containers();
  const auto base = base_of_clones(name);
  for (int number = 0;; ++number) {
    auto candidate = number == 0 ? base : fmt::format("{}{}", base, number);
    const auto taken = containers.resolve(candidate);
    if (!taken && taken.error().code() == Errc::not_found) return candidate;
  }
}

}  // namespace

ContainerSpec spec_of_clone(const ContainerRecord& record) {
  auto spec = record.spec;
  forget_pod_settings(spec);
  spec.name.clear();
  spec.cid_file.clear();
  spec.pid_file.clear();
  spec.monitor_pid_file.clear();
  // Their mounts are among the container's own.
  spec.volumes_from.clear();
  for (const auto& mount : record.mounts) {
    if (mount.type == "volume") share_volume(mount, spec.mounts);
  }
  return spec;
}

Result<ContainerSpec> clone_spec(Core& core, const storage::ContainerId& id) {
  const auto record = TRY(read_record(TRY(TRY(core.store())->containers().open(id))));
  auto spec = spec_of_clone(record);
  if (spec.rootfs.empty()) {
    const auto named = TRY(find_image_record(core, spec.image));
    if (!named || named->record.id.hex() != record.image_id) spec.image = record.image_id;
  }
  spec.name = TRY(free_name(core, TRY(current_name(core, {id, record.name}))));
  return spec;
}

}  // namespace ctr::engine

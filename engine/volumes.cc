#include "engine/volumes.h"

#include <fmt/format.h>

#include "engine/copy_up.h"
#include "storage/volumes.h"

namespace ctr::engine {

namespace {

Result<void> fill(Core& core, const storage::VolumeStore& volumes, const VolumeUse& use,
                  const runtime::RootfsPlan& rootfs) {
  if (rootfs.kind == runtime::RootfsPlan::Kind::directory) return ok();
  const auto view = TRY(storage::MergedView::open(rootfs.lower_dirs));
  if (TRY(view.type(use.destination)) != storage::MergedView::Type::directory) return ok();
  return copy_up(core, rootfs.lower_dirs, use.destination, TRY(volumes.open_data(use.name)));
}

Result<void> make_volume(Core& core, const VolumeUse& use, const runtime::RootfsPlan& rootfs) {
  const auto* store = TRY(core.store());
  const auto volumes = store->volumes();
  storage::VolumeRecord wanted;
  wanted.name = use.name;
  wanted.created = now();
  wanted.is_anonymous = use.anonymous;
  const auto made = TRY(volumes.find_or_make(wanted));
  if (!made.is_new) return ok();
  core.record_event("volume", "create", "", use.name, "");
  if (!use.copy_up) return ok();
  auto filled = fill(core, volumes, use, rootfs);
  if (filled) return ok();
  volumes.remove(use.name).ignore("the failed copy is the error to tell");
  return std::move(filled).context(
      fmt::format("fill the volume '{}' from the image's '{}'", use.name, use.destination));
}

}  // namespace

Result<void> make_volumes(Core& core, const PreparedContainer& prepared) {
  for (const auto& use : prepared.mounts.volumes) TRY(make_volume(core, use, prepared.launch.rootfs));
  return ok();
}

void remove_anonymous_volumes(Core& core, const ContainerRecord& record) {
  const auto store = core.store();
  if (!store) return;
  for (const auto& mount : record.mounts) {
    if (!mount.anonymous) continue;
    (*store)->volumes().remove(mount.name).ignore("it may be gone already");
  }
}

}  // namespace ctr::engine

// What containers do with volumes.
#include "engine/volumes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "engine/copy_up.h"
#include "engine/root_mounts.h"
#include "engine/volume_options.h"
#include "engine/volume_users.h"
#include "storage/merged_view.h"

namespace ctr::engine {

namespace {

// Takes a volume away unless a container uses it. Nobody can begin to use it in between: that needs the lock, too.
Result<void> remove_if_unused(Core& core, const std::string& name) {
  const auto* store = TRY(core.store());
  const auto volumes = store->volumes();
  const auto held = TRY(volumes.hold(name, LockMode::exclusive, core.cancel()));
  if (!held || !TRY(find_volume_users(core, name)).empty()) return ok();
  TRY(unmount_removed(core, held->record));
  TRY(volumes.remove(*held));
  core.record_event(object_event("volume", "remove", "", name));
  return ok();
}

// Each volume once, in the order in which their locks are taken.
std::vector<VolumeUse> sorted_uses(const MountPlan& plan) {
  auto uses = plan.volumes;
  std::sort(uses.begin(), uses.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  const auto same = [](const auto& a, const auto& b) { return a.name == b.name; };
  uses.erase(std::unique(uses.begin(), uses.end(), same), uses.end());
  return uses;
}

// The id in the default user namespace, where workers run, that stands for an id of the container.
Result<uint32_t> worker_id(const std::vector<runtime::IdRange>& container, const std::vector<runtime::IdRange>& outer,
                           uint32_t id) {
  if (container.empty()) return id;
  const auto outside = runtime::to_outside(container, id);
  const auto inside = outside ? runtime::to_inside(outer, *outside) : std::nullopt;
  if (inside) return *inside;
  return Error(Errc::invalid, fmt::format("the id {} is not in the container's user namespace", id));
}

struct WorkerIds {
  uint32_t uid = 0;
  uint32_t gid = 0;
};

Result<WorkerIds> user_in_worker(Core& core, const runtime::RuntimeSpec& spec) {
  const auto* host = TRY(core.host());
  const auto outer = host->default_map();
  const auto& ids = spec.linux_config.ids;
  return WorkerIds{TRY(worker_id(ids.uids, outer.uids, spec.process->user.uid)),
                   TRY(worker_id(ids.gids, outer.gids, spec.process->user.gid))};
}

// The directories that the container's root is made of, topmost first.
std::vector<std::string> root_dirs(const VolumeUser& user) {
  const auto& rootfs = user.rootfs;
  if (rootfs.kind == runtime::RootfsPlan::Kind::directory) return {rootfs.directory};
  auto dirs = rootfs.lower_dirs;
  if (!user.is_new && !rootfs.upper_dir.empty()) dirs.insert(dirs.begin(), rootfs.upper_dir);
  return dirs;
}

Result<bool> image_has_place(const VolumeUser& user, const MountRecord& mount) {
  const auto view = TRY(storage::MergedView::open(root_dirs(user)));
  return TRY(view.type(mount.destination)) == storage::MergedView::Type::directory;
}

Result<FillRequest> plan_fill(Core& core, const VolumeUser& user, const MountRecord& mount,
                              const storage::VolumeRecord& volume, bool has_place) {
  FillRequest request;
  request.lower_dirs = root_dirs(user);
  request.path = mount.destination;
  request.copy = has_place && volume.needs_copy_up && mount.copy_up;
  request.chown = volume.needs_chown;
  // An anonymous volume of a container with --rm would not outlive a power cut anyway.
  request.sync = !(volume.is_anonymous && user.record.spec.auto_remove);
  if (mount.id_mapped) {
    request.uid = user.spec.process->user.uid;
    request.gid = user.spec.process->user.gid;
    return request;
  }
  const auto ids = TRY(user_in_worker(core, user.spec));
  request.uid = ids.uid;
  request.gid = ids.gid;
  if (user.rootfs.shift_ids) {
    const auto* host = TRY(core.host());
    request.owners = TRY(runtime::nest_map(user.spec.linux_config.ids, host->default_map()));
  }
  return request;
}

// A copy that a killed process has begun.
bool is_unfinished(const Dir& volume) { return volume.exists(k_volume_filling) || volume.exists(k_volume_filled); }

Result<void> fill_held(Core& core, const VolumeUser& user, const MountRecord& mount, bool has_place) {
  const auto* store = TRY(core.store());
  const auto volumes = store->volumes();
  auto held = TRY(volumes.hold(mount.name, LockMode::exclusive, core.cancel()));
  if (!held) return unknown_volume(mount.name);
  auto record = held->record;
  const auto request = TRY(plan_fill(core, user, mount, record, has_place));
  // Root's, as it was made: where the image has nothing there is nothing to do.
  const bool is_right = !has_place && request.uid == 0 && request.gid == 0;
  if (is_unfinished(held->dir) || (!is_right && (request.copy || request.chown))) {
    const bool filled =
        TRY(fill_volume(core, request, held->dir)
                .context(fmt::format("fill the volume '{}' from the image's '{}'", mount.name, mount.destination)));
    if (filled) record.needs_copy_up = false;
  }
  record.needs_chown = false;
  if (record == held->record) return ok();
  held->record = std::move(record);
  return volumes.update(*held);
}

// Whether nothing has to be done before the volume is mounted: what most starts find.
Result<bool> is_ready(const storage::VolumeStore& volumes, const storage::VolumeRecord& volume,
                      const MountRecord& mount) {
  if (is_mounted_volume(volume) || (!volume.needs_copy_up && !volume.needs_chown)) return true;
  if (volume.needs_chown || mount.copy_up) return false;
  const auto held = TRY(volumes.hold(volume.name, LockMode::shared));
  return held && !is_unfinished(held->dir);
}

Result<void> prepare_volume(Core& core, const VolumeUser& user, const MountRecord& mount) {
  const auto* store = TRY(core.store());
  const auto volume = TRY(store->volumes().find(mount.name));
  if (!volume) return unknown_volume(mount.name);
  // A part of a volume is there or it is not: nothing is put into it.
  if (!mount.subpath.empty() || TRY(is_ready(store->volumes(), *volume, mount))) return ok();
  return fill_held(core, user, mount, TRY(image_has_place(user, mount)));
}

// What an overlay shows has the owner and the mode of its upper directory: those of what lies below.
Result<void> imitate(Core& core, const Dir& upper, const MountRecord& mount) {
  if (mount.type == "image") {
    return fchmod(upper.fd(), 0755) == 0 ? ok() : Error::from_errno("set the mode of '" + upper.path() + "'");
  }
  struct stat below{};
  if (stat(mount.source.c_str(), &below) != 0) {
    return Error::from_errno(fmt::format("look at '{}'", printable(mount.source)));
  }
  if (fchmod(upper.fd(), below.st_mode & 07777) != 0) {
    return Error::from_errno("set the mode of '" + upper.path() + "'");
  }
  const auto& own = core.options();
  if (below.st_uid == own.uid && below.st_gid == own.gid) return ok();
  const auto outer = TRY(core.host())->default_map();
  const auto uid = runtime::to_inside(outer.uids, below.st_uid);
  const auto gid = runtime::to_inside(outer.gids, below.st_gid);
  // Owners that are not ours to give are nobody in the container, whoever the upper directory belongs to.
  if (!uid || !gid) return ok();
  return chown_tree(core, {*uid, *gid, ChownRequest::Reach::itself}, upper.fd());
}

// Overlays of a container begin empty at each start, as in podman.
Result<void> prepare_overlays(Core& core, const VolumeUser& user) {
  const auto& mounts = user.record.mounts;
  const auto has_scratch = [](const auto& mount) { return !mount.scratch.empty(); };
  if (std::none_of(mounts.begin(), mounts.end(), has_scratch)) return ok();
  const auto* store = TRY(core.store());
  const auto dir = TRY(store->containers().open(TRY(storage::ContainerId::parse(user.record.id))));
  TRY(store->trash().discard(dir, "overlay"));
  TRY(dir.make_dir("overlay", 0700));
  for (const auto& mount : mounts) {
    if (mount.scratch.empty()) continue;
    TRY(dir.make_dir(mount.scratch, 0700));
    TRY(dir.make_dir(mount.scratch + "/upper", 0755));
    TRY(dir.make_dir(mount.scratch + "/work", 0700));
    TRY(imitate(core, TRY(dir.open_dir(mount.scratch + "/upper")), mount));
  }
  return ok();
}

// Whatever the links on the way to it: the opened directory itself is looked at.
Result<void> check_gift(Core& core, const Fd& source, const MountRecord& mount) {
  struct stat given{};
  if (fstat(source.get(), &given) != 0) return Error::from_errno(fmt::format("look at '{}'", printable(mount.source)));
  auto kept = host_dirs();
  kept.push_back(environment_value(core.options().environment, "HOME"));
  for (const auto& path : kept) {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0) continue;
    if (status.st_dev == given.st_dev && status.st_ino == given.st_ino) return not_to_be_given(mount.source);
  }
  return ok();
}

// U. A volume in memory is made with its owner.
Result<void> give_source(Core& core, const VolumeUser& user, const MountRecord& mount) {
  if (!mount.chown || (mount.type != "bind" && mount.type != "volume")) return ok();
  const auto ids = TRY(user_in_worker(core, user.spec));
  const auto source = TRY(open_path(mount.source, O_PATH));
  TRY(check_gift(core, source, mount));
  return chown_tree(core, {ids.uid, ids.gid, ChownRequest::Reach::tree}, source.get())
      .context(fmt::format("give '{}' to the container's user", printable(mount.source)));
}

}  // namespace

Result<VolumesOfNew> VolumesOfNew::hold(Core& core, const PreparedContainer& prepared) {
  const auto* store = TRY(core.store());
  VolumesOfNew volumes(core);
  for (const auto& use : sorted_uses(prepared.mounts)) {
    storage::VolumeRecord wanted;
    wanted.name = use.name;
    wanted.created = now();
    wanted.is_anonymous = use.anonymous;
    const auto sync = use.anonymous && prepared.record.spec.auto_remove ? Sync::no : Sync::yes;
    auto made = TRY(store->volumes().hold_or_make(wanted, sync, core.cancel()));
    volumes.held_.push_back(std::move(made.held));
    if (!made.is_new) continue;
    volumes.made_.push_back(use.name);
    core.record_event(object_event("volume", "create", "", use.name));
  }
  return volumes;
}

VolumesOfNew::~VolumesOfNew() {
  held_.clear();
  for (const auto& name : made_) {
    remove_if_unused(*core_, name).ignore("the failed creation has an error of its own to tell");
  }
}

Result<void> prepare_volumes(Core& core, const VolumeUser& user) {
  for (const auto& mount : user.record.mounts) {
    if (mount.type == "volume") TRY(prepare_volume(core, user, mount));
    TRY(give_source(core, user, mount));
  }
  return prepare_overlays(core, user);
}

void remove_anonymous_volumes(Core& core, const ContainerRecord& record) {
  const auto store = core.store();
  if (!store) return;
  for (const auto& mount : record.mounts) {
    if (mount.type != "volume") continue;
    const auto volume = (*store)->volumes().find(mount.name);
    if (!volume || !*volume || !(*volume)->is_anonymous) continue;
    remove_if_unused(core, mount.name).ignore("its container is gone: `volume prune` takes what is left");
  }
}

}  // namespace ctr::engine

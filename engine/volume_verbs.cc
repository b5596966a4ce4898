// The verbs of `ctr volume`.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/random.h"
#include "base/text.h"
#include "engine/container_info.h"
#include "engine/copy_up.h"
#include "engine/image_lookup.h"
#include "engine/layers_at_hand.h"
#include "engine/remove.h"
#include "engine/root_mounts.h"
#include "engine/volume_options.h"
#include "engine/volume_users.h"
#include "engine/volumes.h"
#include "storage/rootfs.h"

namespace ctr::engine {

namespace {

// Containers that are made again and again with the volume while it is being removed.
constexpr int k_removal_attempts = 16;

using Users = std::vector<storage::ContainerEntry>;

VolumeInfo info_of(const storage::Store& store, const storage::VolumeRecord& record, const Users& users) {
  VolumeInfo info;
  info.name = record.name;
  info.driver = record.driver;
  info.mountpoint = store.volumes().data_path(record.name);
  info.created = record.created;
  info.labels = record.labels;
  info.options = record.options;
  info.uid = record.uid;
  info.gid = record.gid;
  info.anonymous = record.is_anonymous;
  info.needs_copy_up = record.needs_copy_up;
  info.needs_chown = record.needs_chown;
  for (const auto& user : users) {
    info.users.push_back(user.id.text());
    const auto running = store.containers().is_running(user.id);
    if (is_mounted_volume(record) && running && *running) ++info.mount_count;
  }
  return info;
}

Result<storage::VolumeRecord> look_up(Core& core, const std::string& name, Engine::Lookup lookup) {
  const auto* store = TRY(core.store());
  const auto volumes = store->volumes();
  // What cannot be a name is none.
  auto exact = volumes.find(name);
  if (!exact && exact.error().code() == Errc::invalid) return unknown_volume(name);
  if (auto found = TRY(std::move(exact))) return std::move(*found);
  if (lookup == Engine::Lookup::exact) return unknown_volume(name);
  std::optional<storage::VolumeRecord> match;
  for (auto& volume : TRY(volumes.list())) {
    if (!volume.name.starts_with(name)) continue;
    if (match) {
      return Error(Errc::invalid,
                   fmt::format("more than one result for volume name \"{}\": volume already exists", printable(name)));
    }
    match = std::move(volume);
  }
  if (!match) return unknown_volume(name);
  return std::move(*match);
}

Error in_use(const std::string& name, const Users& users) {
  std::vector<std::string> ids;
  for (const auto& user : users) ids.push_back(user.id.text());
  return Error(Errc::in_use,
               fmt::format("volume {} is being used by the following container(s): {}: volume is being used", name,
                           join(ids, ", ")))
      .with_hint("remove the containers first, or with the volume: `ctr volume rm --force`");
}

Result<void> remove_users(Core& core, const Users& users, const RemoveOptions& options) {
  RemoveOptions forced;
  forced.force = true;
  forced.timeout = options.timeout;
  for (const auto& user : users) TRY(remove_container(core, user, forced));
  return ok();
}

// The image is held until all of it is copied.
Result<void> fill_from_image(Core& core, const std::string& image, const Dir& volume) {
  const auto* store = TRY(core.store());
  (void)TRY(bring_layers(core, TRY(get_image_record(core, image)).record));
  const auto held = TRY(store->images().hold(core.cancel()));
  const auto found = TRY(get_image_record(core, image));
  const auto config = TRY(store->images().read_config(found.record));
  const auto stack =
      TRY(storage::make_rootfs(*store, TRY(core.driver()), config.diff_ids, storage::ContainerId::make_random()));
  FillRequest request;
  request.lower_dirs = stack.lower;
  request.path = "/";
  (void)TRY(fill_volume(core, request, volume).context(fmt::format("copy the image '{}'", printable(image))));
  return ok();
}

// Whatever the user's umask is.
Result<void> set_mode(const Dir& data, const std::string& path, int flags, uint32_t mode) {
  const auto fd = TRY(data.open_file(path, O_RDONLY | O_NOFOLLOW | flags));
  if (fchmod(fd.get(), mode) != 0) return Error::from_errno(fmt::format("change the mode of '{}'", path));
  return ok();
}

// Nobody else sees the directory yet.
Result<void> fill(const std::vector<VolumeFile>& files, uint32_t mode, const Dir& data) {
  for (const auto& file : files) {
    for (size_t slash = file.path.find('/'); slash != std::string::npos; slash = file.path.find('/', slash + 1)) {
      const auto dir = file.path.substr(0, slash);
      (void)TRY(data.open_or_make_dir(dir, 0755));
      TRY(set_mode(data, dir, O_DIRECTORY, 0755));
    }
    TRY(data.write_file(file.path, file.bytes, Sync::no));
    TRY(set_mode(data, file.path, 0, file.mode));
  }
  if (fchmod(data.fd(), mode) != 0) return Error::from_errno("change the mode of a volume");
  return ok();
}

}  // namespace

Result<VolumeInfo> create_volume(Core& core, const VolumeOptions& options) {
  const auto* store = TRY(core.store());
  const auto name = options.name.empty() ? random_hex(32) : options.name;
  const auto record = TRY(plan_volume(options, name, now()));
  const auto prepare = [&](const Dir& volume) -> Result<void> {
    if (record.driver == k_image_driver) return fill_from_image(core, record.options.at("image"), volume);
    if (record.uid == 0 && record.gid == 0 && !options.files) return ok();
    const auto data = TRY(volume.open_dir(storage::k_volume_data));
    if (options.files) TRY(fill(*options.files, options.mode, data));
    if (record.uid == 0 && record.gid == 0) return ok();
    const auto reach = options.files ? ChownRequest::Reach::tree : ChownRequest::Reach::itself;
    return chown_tree(core, {record.uid, record.gid, reach}, data.fd());
  };
  auto made = store->volumes().make(record, Sync::yes, prepare);
  if (!made && made.error().code() == Errc::exists) {
    if (options.ignore_existing) return find_volume(core, name, Engine::Lookup::exact);
    return Error(Errc::exists, fmt::format("volume with name {} already exists: volume already exists", name))
        .with_hint("with --ignore the volume that is there will do");
  }
  TRY(std::move(made));
  core.record_event(object_event("volume", "create", "", name));
  return info_of(*store, record, {});
}

Result<std::vector<VolumeInfo>> list_volumes(Core& core) {
  const auto* store = TRY(core.store());
  std::vector<VolumeInfo> infos;
  const auto records = TRY(store->volumes().list());
  if (records.empty()) return infos;
  const auto users = TRY(users_of_volumes(core));
  for (const auto& record : records) {
    const auto found = users.find(record.name);
    infos.push_back(info_of(*store, record, found == users.end() ? Users{} : found->second));
  }
  return infos;
}

Result<VolumeInfo> find_volume(Core& core, const std::string& name, Engine::Lookup lookup) {
  const auto* store = TRY(core.store());
  const auto record = TRY(look_up(core, name, lookup));
  return info_of(*store, record, TRY(find_volume_users(core, record.name)));
}

Result<void> remove_volume(Core& core, const std::string& name, const RemoveOptions& options) {
  const auto* store = TRY(core.store());
  const auto volumes = store->volumes();
  const auto full_name = TRY(look_up(core, name, Engine::Lookup::unique_prefix)).name;
  for (int attempt = 1;; ++attempt) {
    // Container locks come before volume locks: users go first, and are looked for again with the lock held.
    auto users = TRY(find_volume_users(core, full_name));
    if (users.empty()) {
      const auto held = TRY(volumes.hold(full_name, LockMode::exclusive, core.cancel()));
      if (!held) return unknown_volume(full_name);
      users = TRY(find_volume_users(core, full_name));
      if (users.empty()) {
        TRY(unmount_removed(core, held->record));
        TRY(volumes.remove(*held));
        break;
      }
    }
    if (!options.force || attempt == k_removal_attempts) return in_use(full_name, users);
    TRY(remove_users(core, users, options));
  }
  core.record_event(object_event("volume", "remove", "", full_name));
  reclaim_space(core);
  return ok();
}

}  // namespace ctr::engine

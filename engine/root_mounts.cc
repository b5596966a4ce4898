#include "engine/root_mounts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "engine/container_info.h"
#include "engine/fuse_root.h"
#include "engine/image_lookup.h"
#include "engine/launch_record.h"
#include "engine/layers_at_hand.h"
#include "engine/mounted_roots.h"
#include "engine/user_namespace.h"
#include "engine/volume_options.h"
#include "engine/volumes.h"
#include "runtime/attach.h"
#include "runtime/mount_options.h"
#include "runtime/state.h"
#include "storage/rootfs.h"

namespace ctr::engine {

namespace {

Result<void> check_root(const Core& core, std::string_view command) {
  if (core.options().uid == 0) return ok();
  return Error(Errc::permission, fmt::format("cannot run command \"ctr {}\" in rootless mode, must execute "
                                             "`ctr unshare` first",
                                             command));
}

// Directories by their descriptors: their paths may be longer than a page, and have characters of overlay's own.
class HeldDirs {
 public:
  Result<std::string> add(const std::vector<std::string>& paths) {
    std::string numbers;
    for (const auto& path : paths) {
      held_.push_back(TRY(open_path(path, O_PATH | O_DIRECTORY)));
      numbers += fmt::format("{}{}", numbers.empty() ? "" : ":", held_.back().get());
    }
    return numbers;
  }

 private:
  std::vector<Fd> held_;
};

struct Stack {
  std::vector<std::string> lower;  // topmost first
  std::string upper;               // empty: only read
  std::string work;
};

Result<void> mount_overlay(const Stack& stack, const std::string& target) {
  HeldDirs dirs;
  auto options = "lowerdir=" + TRY(dirs.add(stack.lower));
  if (!stack.upper.empty()) {
    options += ",upperdir=" + TRY(dirs.add({stack.upper}));
    options += ",workdir=" + TRY(dirs.add({stack.work}));
    // Overlay refuses a work directory that a volatile mount has left marked (overlayfs.rst, "Volatile mount").
    (void)::rmdir((stack.work + "/work/incompat/volatile").c_str());
    (void)::rmdir((stack.work + "/work/incompat").c_str());
  }
  options += ",userxattr";
  const Fd here = TRY(open_path(".", O_PATH | O_DIRECTORY));
  if (::chdir("/proc/self/fd") != 0) return Error::from_errno("enter '/proc/self/fd'");
  const unsigned long flags = MS_NODEV | MS_NOSUID | (stack.upper.empty() ? MS_RDONLY : 0);
  const int mounted = ::mount("overlay", target.c_str(), "overlay", flags, options.c_str());
  const auto error = mounted == 0 ? std::nullopt : std::optional(Error::from_errno("mount '" + target + "'"));
  if (::fchdir(here.get()) != 0) return Error::from_errno("return to the working directory");
  return error ? Result<void>(*error) : ok();
}

// Overlay takes no single directory without a writable one.
Result<void> mount_directory(const std::string& source, const std::string& target) {
  if (::mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    return Error::from_errno("mount '" + target + "'");
  }
  if (::mount(nullptr, target.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | MS_NOSUID, nullptr) ==
      0) {
    return ok();
  }
  auto error = Error::from_errno("make '" + target + "' read-only");
  (void)::umount2(target.c_str(), MNT_DETACH);
  return error;
}

Result<void> unmount(const std::string& path, const std::string& what) {
  if (!TRY(is_mounted(path))) return Error(Errc::not_found, what + " is not mounted: layer is not mounted");
  if (::umount2(path.c_str(), UMOUNT_NOFOLLOW) != 0) return Error::from_errno("unmount '" + path + "'");
  return ok();
}

Result<std::string> image_place(const Core& core, const std::string& id) {
  const auto all = core.options().paths.run + "/images";
  (void)TRY(Dir::open_or_make(all, 0700));
  return TRY(real_path(all)) + "/" + id;
}

// What the container itself sees: its own mount, which its monitor hands out.
Result<void> mount_running(Core& core, const storage::ContainerId& id, const std::string& path) {
  const auto run_dir = Dir::open(core.run_dir(id.text()));
  if (!run_dir) return Error(Errc::bad_state, "the container's monitor does not answer");
  return attach_tree(TRY(runtime::query_root(*run_dir)), path);
}

// The kernel keeps FUSE mounts from processes of other user namespaces (fuse_allow_current_process, fs/fuse/dir.c).
Error served_to_container_alone(const storage::ContainerId& id) {
  return Error(Errc::unsupported,
               fmt::format("the root of container {} is served by fuse-overlayfs, while it runs to the container alone",
                           id.text()))
      .with_hint("look into it with `ctr exec`, copy with `ctr cp`, or stop it");
}

Result<LaunchRecord> read_launch(const Dir& dir) {
  return parse_launch_record(TRY(dir.read_file(k_launch_file)), dir.path() + "/" + k_launch_file);
}

Result<storage::HeldVolume> hold_volume(Core& core, const std::string& name) {
  const auto full_name = TRY(find_volume(core, name, Engine::Lookup::unique_prefix)).name;
  auto held = TRY(TRY(core.store())->volumes().hold(full_name, LockMode::shared, core.cancel()));
  if (!held) return unknown_volume(full_name);
  return std::move(*held);
}

// What mount(2) knows of MOUNT_ATTR_*.
unsigned long mount_flags(const runtime::MountOptions& options) {
  constexpr std::pair<uint64_t, unsigned long> k_flags[] = {{MOUNT_ATTR_RDONLY, MS_RDONLY},
                                                            {MOUNT_ATTR_NOSUID, MS_NOSUID},
                                                            {MOUNT_ATTR_NODEV, MS_NODEV},
                                                            {MOUNT_ATTR_NOEXEC, MS_NOEXEC},
                                                            {MOUNT_ATTR_NOATIME, MS_NOATIME}};
  unsigned long flags = MS_NODEV | MS_NOSUID;
  for (const auto& [attribute, flag] : k_flags) {
    if ((options.set & attribute) != 0) flags |= flag;
  }
  return flags;
}

Result<void> mount_file_system(const VolumeFileSystem& volume, const std::string& target) {
  const auto options = TRY(runtime::parse_mount_options(volume.options));
  const auto flags = mount_flags(options);
  const auto failed = [&] {
    return Error::from_errno(fmt::format("mount '{}' at '{}'", printable(volume.device), target));
  };
  if (!options.bind && volume.type != "bind") {
    const auto data = join(options.data, ",");
    if (::mount(volume.device.c_str(), target.c_str(), volume.type.c_str(), flags, data.c_str()) != 0) return failed();
    return ok();
  }
  const unsigned long depth = options.recursive ? MS_REC : 0;
  if (::mount(volume.device.c_str(), target.c_str(), nullptr, MS_BIND | depth, nullptr) != 0) return failed();
  if (::mount(nullptr, target.c_str(), nullptr, MS_REMOUNT | MS_BIND | flags, nullptr) == 0) return ok();
  auto error = failed();
  (void)::umount2(target.c_str(), MNT_DETACH);
  return error;
}

}  // namespace

Result<std::string> mount_container(Core& core, const storage::ContainerId& id) {
  TRY(check_root(core, "mount"));
  const auto containers = TRY(core.store())->containers();
  const auto lock = TRY(containers.lock(id, LockMode::exclusive, core.cancel()));
  const auto dir = TRY(containers.open(id));
  const auto root = TRY(read_launch(dir)).rootfs;
  if (root.kind == runtime::RootfsPlan::Kind::directory) return root.directory;
  const auto path = TRY(root_place(core, id));
  if (TRY(is_mounted(path))) return path;
  const auto liveness = TRY(runtime::observe(dir)).liveness;
  if (liveness == runtime::Liveness::orphaned) {
    return Error(Errc::bad_state, fmt::format("container {} runs without a monitor", id.text()))
        .with_hint("stop it with `ctr stop`");
  }
  const bool runs = liveness == runtime::Liveness::running;
  const bool is_fuse = root.kind == runtime::RootfsPlan::Kind::fuse;
  if (runs && is_fuse) return served_to_container_alone(id);
  if (!runs) TRY(check_not_mounted(core, id, dir));
  TRY(note_mount(dir));
  if (runs) {
    TRY(mount_running(core, id, path));
  } else if (is_fuse) {
    TRY(mount_fuse_root(core, root, TRY(read_ids(dir)), path));
  } else {
    TRY(mount_overlay({root.lower_dirs, root.upper_dir, root.work_dir}, path));
  }
  core.record_event(container_event(core, "mount", {id, TRY(containers.find_name(id))}));
  return path;
}

Result<void> unmount_container(Core& core, const storage::ContainerId& id) {
  TRY(check_root(core, "unmount"));
  TRY(unmount(TRY(root_place(core, id)), fmt::format("unmounting container {}: it", id.text())));
  core.record_event(container_event(core, "unmount", {id, TRY(TRY(core.store())->containers().find_name(id))}));
  return ok();
}

Result<std::vector<MountedRoot>> mounted_containers(Core& core) {
  TRY(check_root(core, "mount"));
  const auto points = TRY(mount_points());
  std::vector<MountedRoot> mounted;
  for (const auto& entry : TRY(TRY(core.store())->containers().list())) {
    const auto path = TRY(root_place(core, entry.id));
    if (std::find(points.begin(), points.end(), path) == points.end()) continue;
    mounted.push_back({entry.id.text(), {entry.name}, path});
  }
  return mounted;
}

Result<std::string> mount_image(Core& core, const std::string& image) {
  TRY(check_root(core, "image mount"));
  const auto* store = TRY(core.store());
  (void)TRY(bring_layers(core, TRY(get_image_record(core, image)).record));
  const auto held = TRY(store->images().hold(core.cancel()));
  const auto found = TRY(get_image_record(core, image));
  const auto path = TRY(image_place(core, found.record.id.hex()));
  if (TRY(is_mounted(path))) return path;
  const auto config = TRY(store->images().read_config(found.record));
  const auto stack =
      TRY(storage::make_rootfs(*store, TRY(core.driver()), config.diff_ids, storage::ContainerId::make_random()));
  (void)TRY(Dir::open_or_make(path, 0700));
  TRY(stack.lower.size() == 1 ? mount_directory(stack.lower.front(), path)
                              : mount_overlay({stack.lower, "", ""}, path));
  core.record_event(object_event("image", "mount", found.record.id.hex(), found.name));
  return path;
}

Result<std::string> unmount_image(Core& core, const std::string& image) {
  TRY(check_root(core, "image unmount"));
  const auto found = TRY(get_image_record(core, image));
  const auto id = found.record.id.hex();
  const auto path = TRY(image_place(core, id));
  TRY(unmount(path, fmt::format("image {}", id)));
  (void)::rmdir(path.c_str());
  core.record_event(object_event("image", "unmount", id, found.name));
  return id;
}

Result<std::vector<MountedRoot>> mounted_images(Core& core) {
  TRY(check_root(core, "image mount"));
  const auto points = TRY(mount_points());
  std::vector<MountedRoot> mounted;
  const auto images = TRY(core.store())->images();
  auto records = TRY(images.list());
  for (auto& record : images.list_others()) records.push_back(std::move(record));
  for (const auto& record : records) {
    const auto path = TRY(image_place(core, record.id.hex()));
    if (std::find(points.begin(), points.end(), path) == points.end()) continue;
    mounted.push_back({record.id.hex(), record.names, path});
  }
  return mounted;
}

Result<std::string> mount_volume(Core& core, const std::string& name) {
  TRY(check_root(core, "volume mount"));
  const auto held = TRY(hold_volume(core, name));
  const auto path = TRY(real_path(TRY(core.store())->volumes().data_path(held.record.name)));
  if (!is_mounted_volume(held.record) || TRY(is_mounted(path))) return path;
  TRY(mount_file_system(TRY(file_system_of(held.record)), path));
  core.record_event(object_event("volume", "mount", "", held.record.name));
  return path;
}

Result<std::string> unmount_volume(Core& core, const std::string& name) {
  TRY(check_root(core, "volume unmount"));
  const auto held = TRY(hold_volume(core, name));
  const auto path = TRY(real_path(TRY(core.store())->volumes().data_path(held.record.name)));
  if (!is_mounted_volume(held.record) || !TRY(is_mounted(path))) return held.record.name;
  TRY(unmount(path, "volume " + held.record.name));
  core.record_event(object_event("volume", "unmount", "", held.record.name));
  return held.record.name;
}

Result<void> unmount_removed(Core& core, const storage::VolumeRecord& volume) {
  if (!is_mounted_volume(volume)) return ok();
  const auto path = TRY(real_path(TRY(core.store())->volumes().data_path(volume.name)));
  return TRY(is_mounted(path)) ? unmount(path, "volume " + volume.name) : ok();
}

}  // namespace ctr::engine

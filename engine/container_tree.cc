#include "engine/container_tree.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/container_info.h"
#include "engine/init_file.h"
#include "engine/launch_record.h"
#include "engine/mounted_roots.h"
#include "engine/record.h"
#include "engine/user.h"
#include "runtime/launch.h"
#include "runtime/spec.h"

namespace ctr::engine {
namespace {

// What the user has mounted; files that each start makes anew are not part of a stopped container.
std::vector<storage::TreeBind> binds_of(const ContainerRecord& record) {
  std::vector<storage::TreeBind> binds;
  for (const auto& mount : record.mounts) {
    if (mount.type != "bind" && mount.type != "volume") continue;
    // What is written to an overlay is gone at the next start; what is below it is not the container's.
    binds.push_back({mount.source, mount.destination, !mount.writable || mount.overlay, mount.subpath});
  }
  // Directories before what is mounted in them.
  std::sort(binds.begin(), binds.end(), [](const auto& a, const auto& b) { return a.destination < b.destination; });
  return binds;
}

// What fuse-overlayfs serves can be seen where the container would see it: there a process holds it meanwhile.
Result<void> hold_root(Core& core, const storage::ContainerEntry& entry, const runtime::RootfsPlan& rootfs,
                       const std::vector<storage::TreeBind>& binds, ContainerTree& tree) {
  if (!binds.empty()) {
    return Error(Errc::unsupported,
                 fmt::format("the root of container {} is served by fuse-overlayfs, and what is mounted in it can be "
                             "seen while it runs alone",
                             entry.name))
        .with_hint("start it, or copy its own files with ctr export");
  }
  tree.holder = TRY(runtime::launch_root_holder(*TRY(core.host()), tree.ids, rootfs).context("mount the root"));
  const auto process = fmt::format("/proc/{}", tree.holder->pid());
  tree.user = TRY(open_path(process + "/ns/user", O_RDONLY));
  tree.root = TRY(open_path(process + "/root" + rootfs.mount_point, O_PATH | O_DIRECTORY));
  tree.place.is_mounted_away = true;
  return ok();
}

Result<LaunchRecord> read_launch(const Dir& dir) {
  return parse_launch_record(TRY(dir.read_file(k_launch_file)), dir.path() + "/" + k_launch_file);
}

}  // namespace

Result<ContainerTree> open_container_tree(Core& core, const storage::ContainerEntry& entry) {
  const auto containers = TRY(core.store())->containers();
  ContainerTree tree;
  tree.lock = TRY(containers.lock(entry.id, LockMode::exclusive, core.cancel()));
  const auto dir = TRY(containers.open(entry.id));
  const auto launch = TRY(read_launch(dir));
  const auto config_path = dir.path() + "/" + k_config_file;
  const auto spec = TRY(runtime::spec_from_json(TRY(parse_own_json(TRY(dir.read_file(k_config_file)), config_path))));
  const auto& rootfs = launch.rootfs;
  tree.ids = spec.linux_config.ids.empty() ? TRY(core.host())->default_map() : spec.linux_config.ids;
  if (spec.process) {
    tree.uid = spec.process->user.uid;
    tree.gid = spec.process->user.gid;
  }
  tree.root = TRY(open_init_file(dir, "root", O_PATH | O_DIRECTORY));
  const bool is_fuse = rootfs.kind == runtime::RootfsPlan::Kind::fuse;
  if (tree.root.valid()) {
    tree.place.is_mounted_away = true;
    if (is_fuse) tree.user = TRY(open_init_file(dir, "ns/user", O_RDONLY));
    tree.lock.reset();
    return tree;
  }
  TRY(check_not_mounted(core, entry.id, dir));
  const auto binds = binds_of(TRY(read_record(dir)));
  if (is_fuse) {
    TRY(hold_root(core, entry, rootfs, binds, tree));
    return tree;
  }
  tree.place.directory = rootfs.directory;
  tree.place.lower_dirs = rootfs.lower_dirs;
  tree.place.upper = rootfs.upper_dir;
  tree.place.work = rootfs.work_dir;
  tree.place.is_volatile = rootfs.skip_sync;
  tree.place.binds = binds;
  return tree;
}

Result<storage::TreePlace> own_files_of(Core& core, const storage::ContainerEntry& entry) {
  const auto launch = TRY(read_launch(TRY(TRY(core.store())->containers().open(entry.id))));
  storage::TreePlace place;
  place.directory = launch.rootfs.directory;
  if (!place.directory.empty()) return place;
  place.lower_dirs = launch.rootfs.lower_dirs;
  if (!launch.rootfs.upper_dir.empty()) place.lower_dirs.insert(place.lower_dirs.begin(), launch.rootfs.upper_dir);
  return place;
}

}  // namespace ctr::engine

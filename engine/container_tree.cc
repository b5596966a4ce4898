#include "engine/container_tree.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/container_info.h"
#include "engine/launch_record.h"
#include "engine/record.h"
#include "engine/user.h"
#include "runtime/spec.h"
#include "runtime/state.h"

namespace ctr::engine {
namespace {

// The root as the container's first process sees it; invalid when there is none. The number is looked at again once
// the directory is open, so that it cannot be another process's.
Result<Fd> open_running_root(const Dir& dir) {
  const auto seen = TRY(runtime::observe(dir));
  const bool may_run = seen.liveness == runtime::Liveness::running || seen.liveness == runtime::Liveness::orphaned;
  if (!may_run || !seen.record.init) return Fd();
  const auto& init = *seen.record.init;
  auto root = open_path(fmt::format("/proc/{}/root", init.pid), O_PATH | O_DIRECTORY);
  if (!root && seen.record.initialized && root.error().code() == Errc::permission) {
    return Error(Errc::bad_state, "nobody may look into a container that waits to be started")
        .with_hint("`ctr start` lets its program run; `ctr stop` gives it up");
  }
  const auto still = runtime::process_ref(init.pid);
  if (!still && still.error().code() != Errc::not_found) return still.error();
  if (!still || *still != init) return Fd();
  return root;
}

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
  if (rootfs.kind == runtime::RootfsPlan::Kind::fuse) {
    return Error(Errc::unsupported,
                 fmt::format("the root of container {} is served by fuse-overlayfs, which shows its files to the "
                             "container alone",
                             entry.name))
        .with_hint("while it runs, copy with tar: ctr exec CONTAINER tar -c PATH");
  }
  tree.ids = spec.linux_config.ids.empty() ? TRY(core.host())->default_map() : spec.linux_config.ids;
  if (spec.process) {
    tree.uid = spec.process->user.uid;
    tree.gid = spec.process->user.gid;
  }
  tree.root = TRY(open_running_root(dir));
  if (tree.root.valid()) {
    tree.place.is_mounted_away = true;
    tree.lock.reset();
    return tree;
  }
  tree.place.directory = rootfs.directory;
  tree.place.lower_dirs = rootfs.lower_dirs;
  tree.place.upper = rootfs.upper_dir;
  tree.place.work = rootfs.work_dir;
  tree.place.is_volatile = rootfs.skip_sync;
  tree.place.binds = binds_of(TRY(read_record(dir)));
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

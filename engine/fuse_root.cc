#include "engine/fuse_root.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "base/child.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/mounted_roots.h"

namespace ctr::engine {

namespace {

constexpr std::chrono::seconds k_patience{20};

// This process in a mount namespace of its own, until the object goes. A server that stays in there does not keep the
// namespace that its mount is moved to, and with it the mount, when nobody else is there any more.
class OwnMounts {
 public:
  static Result<OwnMounts> enter() {
    OwnMounts mounts;
    mounts.former_ = TRY(open_path("/proc/self/ns/mnt", O_RDONLY));
    if (::unshare(CLONE_NEWNS) != 0) return Error::from_errno("make a mount namespace");
    mounts.is_in_ = true;
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      return Error::from_errno("keep mounts from other namespaces");
    }
    return mounts;
  }
  OwnMounts(OwnMounts&& other) noexcept
      : former_(std::move(other.former_)), is_in_(std::exchange(other.is_in_, false)) {}
  OwnMounts& operator=(OwnMounts&&) = delete;
  ~OwnMounts() {
    if (is_in_) (void)::setns(former_.get(), CLONE_NEWNS);
  }

  Result<void> leave() {
    if (::setns(former_.get(), CLONE_NEWNS) != 0) return Error::from_errno("return to the former mounts");
    is_in_ = false;
    return ok();
  }

 private:
  OwnMounts() = default;
  Fd former_;
  bool is_in_ = false;
};

// Copies of other roots in here would keep those from ending.
Result<void> let_go_of_roots(const std::string& target) {
  const auto containers = target.substr(0, target.rfind('/', target.rfind('/') - 1) + 1);
  for (const auto& place : TRY(mount_points())) {
    if (place.starts_with(containers)) (void)::umount2(place.c_str(), MNT_DETACH);
  }
  return ok();
}

// From the ids that files of the layers have here to those that are to be seen: `container` and `layers` say for each
// id of the container which ones these are.
std::vector<runtime::IdRange> shown_ids(const std::vector<runtime::IdRange>& container,
                                        const std::vector<runtime::IdRange>& layers) {
  std::vector<runtime::IdRange> seen;
  for (const auto& range : container) seen.push_back({range.outside, range.inside, range.size});
  auto shown = runtime::through_map(seen, layers);
  for (auto& range : shown) std::swap(range.inside, range.outside);
  return shown;
}

Result<std::string> options_of(Core& core, const runtime::RootfsPlan& root, const runtime::IdMap& ids) {
  auto options = TRY(runtime::fuse_directories(root));
  if (!root.shift_ids) return options;
  auto nested = TRY(runtime::nest_map(ids, TRY(runtime::read_id_maps("self"))));
  // In `ctr unshare` files have the ids of the container; root of the machine sees where the default map leads them.
  if (const auto* host = TRY(core.host()); !host->in_user_namespace) {
    const auto layers = host->default_map();
    nested = {shown_ids(nested.uids, layers.uids), shown_ids(nested.gids, layers.gids)};
  }
  options += ",uidmapping=" + runtime::format_ranges(nested.uids, ':');
  options += ",gidmapping=" + runtime::format_ranges(nested.gids, ':');
  return options;
}

Result<Fd> serve(Core& core, const std::string& options, const std::string& target) {
  const auto* host = TRY(core.host());
  if (host->fuse_overlayfs.empty()) {
    return Error(Errc::unsupported, "fuse-overlayfs is not installed").with_hint("apt install fuse-overlayfs");
  }
  SpawnOptions server;
  server.program = host->fuse_overlayfs;
  server.argv = {"fuse-overlayfs", "-o", options, target};
  server.cwd = "/";
  const auto output = TRY(run_program(std::move(server), "", k_patience, core.cancel()));
  if (output.status.code != 0) return Error(Errc::io, "fuse-overlayfs: " + printable(trim(output.err)));
  Fd tree(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, target.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  const auto uncopied =
      tree.valid() ? std::nullopt : std::optional(Error::from_errno("copy the mount of fuse-overlayfs"));
  // The server would stay with a mount in its own namespace.
  (void)::umount2(target.c_str(), MNT_DETACH);
  if (uncopied) return *uncopied;
  // Programs and devices of an image have no rights on the host, as in a root that the kernel mounts.
  struct mount_attr wanted{
      .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, .attr_clr = 0, .propagation = 0, .userns_fd = 0};
  if (::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &wanted, sizeof wanted) != 0) {
    return Error::from_errno("restrict the mount of fuse-overlayfs");
  }
  return tree;
}

}  // namespace

Result<void> mount_fuse_root(Core& core, const runtime::RootfsPlan& root, const runtime::IdMap& ids,
                             const std::string& target) {
  const auto options = TRY(options_of(core, root, ids));
  auto own = TRY(OwnMounts::enter());
  TRY(let_go_of_roots(target));
  const auto tree = TRY(serve(core, options, target));
  TRY(own.leave());
  return attach_tree(tree, target);
}

}  // namespace ctr::engine

#include "engine/user_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "engine/container_info.h"
#include "engine/dependencies.h"
#include "engine/id_maps.h"
#include "engine/identity.h"
#include "engine/init_file.h"
#include "engine/launch_record.h"
#include "engine/pod_record.h"
#include "engine/record.h"
#include "runtime/namespace_ids.h"
#include "runtime/spec.h"

namespace ctr::engine {

Result<runtime::IdMap> read_ids(const Dir& dir) {
  const auto path = dir.path() + "/" + k_config_file;
  const auto spec = TRY(runtime::spec_from_json(TRY(parse_own_json(TRY(dir.read_file(k_config_file)), path))));
  return spec.linux_config.ids;
}

namespace {

using Mode = UsernsChoice::Mode;

constexpr const char* k_lock = "ids.lock";
constexpr size_t k_subids_limit_bytes = size_t{1} << 20;

// Ids that --userns auto keeps away from.
bool has_own_ids(const UsernsChoice& choice) {
  return choice.mode == Mode::automatic || choice.mode == Mode::explicit_;
}

// nullopt for a container whose ids nobody counts.
Result<std::optional<runtime::IdMap>> own_ids_of(const Dir& dir) {
  const auto text = TRY(dir.read_file(k_record_file));
  // The record is read as JSON only when it has something to say about it.
  if (text.find("\"userns\":") == std::string::npos) return std::optional<runtime::IdMap>();
  const auto record = TRY(parse_container_record(text, dir.path() + "/" + k_record_file));
  if (!has_own_ids(record.spec.userns)) return std::optional<runtime::IdMap>();
  return std::optional(TRY(read_ids(dir)));
}

Result<std::vector<runtime::IdMap>> taken_ids(Core& core) {
  std::vector<runtime::IdMap> taken;
  const auto containers = TRY(core.store())->containers();
  for (const auto& entry : TRY(containers.list_unnamed())) {
    const auto dir = containers.open(entry.id);
    auto ids = dir ? own_ids_of(*dir) : Result<std::optional<runtime::IdMap>>(dir.error());
    // It is being removed.
    if (!ids && ids.error().code() == Errc::not_found) continue;
    if (auto found = TRY(std::move(ids).context("container " + entry.id.text()))) taken.push_back(std::move(*found));
  }
  const auto pods = TRY(core.store())->pods();
  for (const auto& entry : TRY(pods.list_unnamed())) {
    const auto dir = pods.open(entry.id);
    auto record = dir ? read_pod_record(*dir) : Result<PodRecord>(dir.error());
    if (!record && record.error().code() == Errc::not_found) continue;
    auto found = TRY(std::move(record).context("pod " + entry.id.text()));
    if (has_own_ids(found.spec.shared.userns)) taken.push_back(std::move(found.ids));
  }
  return taken;
}

Result<runtime::IdMap> automatic_ids(Core& core, const ContainerSpec& spec, const ResolvedUser& user,
                                     const runtime::RootfsPlan& rootfs, const runtime::IdMap& available) {
  const auto* host = TRY(core.host());
  // The ids of the machine's own users are no place for a container that is to be apart.
  if (host->privileged() && !host->in_user_namespace && (host->subuids.empty() || host->subgids.empty())) {
    return Error(Errc::unsupported, "--userns auto needs ranges of root in /etc/subuid and /etc/subgid");
  }
  auto image_root = rootfs;
  image_root.upper_dir.clear();
  uint32_t size = spec.userns.size.value_or(TRY(core.config())->userns_size);
  if (size == 0) {
    const auto accounts = TRY(read_accounts(image_root, {}));
    size = std::max({needed_ids(accounts.passwd, accounts.group), user.uid + 1, user.gid + 1});
  }
  const auto taken = TRY(taken_ids(core));
  return automatic_map({spec.userns, available, taken, size});
}

Result<std::vector<SubidRange>> subids_of(const std::string& path, const std::string& name) {
  const auto number = parse_unsigned(name, "a user", UINT32_MAX - 1);
  const auto text = TRY(read_file_if_exists(path, k_subids_limit_bytes)).value_or("");
  auto ranges = parse_subids(text, name, number ? static_cast<uint32_t>(*number) : UINT32_MAX);
  if (!ranges.empty()) return ranges;
  return Error(Errc::not_found, fmt::format("no ranges of '{}' found in {}", printable(name), path));
}

Result<runtime::IdMap> explicit_ids(const UsernsChoice& choice, const runtime::IdMap& available) {
  if (choice.subuid_name.empty()) return explicit_map(choice, available);
  return subid_map(TRY(subids_of("/etc/subuid", choice.subuid_name)), TRY(subids_of("/etc/subgid", choice.subgid_name)),
                   available);
}

Result<ino_t> inode_of(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) < 0) return Error::from_errno("look at a namespace");
  return status.st_ino;
}

// A user namespace that this user may join: made by one of its processes, and not the one it is in itself.
Result<Fd> open_namespace(Core& core, const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) < 0) {
    return Error::from_errno(fmt::format("cannot find specified user namespace path: stat {}", printable(path)));
  }
  auto file = TRY(open_path(path, O_RDONLY | O_NONBLOCK));
  if (::ioctl(file.get(), NS_GET_NSTYPE) != CLONE_NEWUSER) {
    return Error(Errc::invalid, fmt::format("'{}' is not a user namespace", printable(path)))
        .with_hint("name one as /proc/PID/ns/user");
  }
  const auto own = TRY(open_path("/proc/self/ns/user", O_RDONLY));
  if (TRY(inode_of(own.get())) == TRY(inode_of(file.get()))) {
    return Error(Errc::invalid,
                 fmt::format("cannot join {}: it is the user namespace that ctr runs in", printable(path)))
        .with_hint("leave out --userns: a container has a user namespace of its own, with all ids of the user");
  }
  uid_t owner = 0;
  if (::ioctl(file.get(), NS_GET_OWNER_UID, &owner) < 0)
    return Error::from_errno("find the owner of " + printable(path));
  if (owner == core.options().uid || TRY(core.host())->privileged()) return file;
  return Error(Errc::permission, fmt::format("cannot join {}: it belongs to the user {}", printable(path), owner))
      .with_hint("a user's containers can join user namespaces that processes of that user have made");
}

Result<runtime::IdMap> kept_ids(Core& core, const UsernsChoice& choice, const runtime::IdMap& available) {
  auto map = runtime::keep_id_map(available, choice.keep_uid.value_or(core.options().uid),
                                  choice.keep_gid.value_or(core.options().gid), choice.size);
  if (runtime::to_outside(map.uids, 0) && runtime::to_outside(map.gids, 0)) return map;
  return Error(Errc::unsupported, "--userns keep-id needs ids for root and for the user, and there is one alone")
      .with_hint("`ctr doctor` says how to get subordinate ids");
}

Result<runtime::IdMap> joined_ids(Core& core, const UsernsChoice& choice) {
  const auto id = TRY(storage::ContainerId::parse(choice.value));
  return TRY(read_ids(TRY(TRY(core.store())->containers().open(id))));
}

Result<runtime::IdMap> pod_ids(Core& core, const std::string& pod) {
  const auto id = TRY(storage::ContainerId::parse(pod));
  return TRY(read_pod_record(TRY(TRY(core.store())->pods().open(id)))).ids;
}

Result<runtime::IdMap> find_ids(Core& core, const ContainerSpec& spec, const ResolvedUser& user,
                                const runtime::RootfsPlan& rootfs, const runtime::IdMap& available) {
  switch (spec.userns.mode) {
    case Mode::host:
      break;
    case Mode::path:
      return runtime::read_namespace_ids(TRY(open_namespace(core, spec.userns.value)));
    case Mode::keep_id:
      return kept_ids(core, spec.userns, available);
    case Mode::automatic:
      return automatic_ids(core, spec, user, rootfs, available);
    case Mode::no_map:
      return subordinate_map(available);
    case Mode::explicit_:
      return explicit_ids(spec.userns, available);
    case Mode::container:
      return joined_ids(core, spec.userns);
    case Mode::pod:
      return pod_ids(core, spec.pod);
  }
  return available;
}

std::string path_of(const Fd& fd) { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get()); }

void name_namespace(const Fd& user, runtime::LaunchPlan& plan) {
  for (auto& entry : plan.spec.linux_config.namespaces) {
    if (entry.type == runtime::NamespaceType::user) entry.path = path_of(user);
  }
}

Result<JoinedUserns> join_path(Core& core, const std::string& path, runtime::LaunchPlan& plan) {
  JoinedUserns joined;
  joined.inner = TRY(open_namespace(core, path));
  if (plan.rootfs.kind == runtime::RootfsPlan::Kind::fuse) {
    return Error(Errc::unsupported, "--userns ns: needs overlay mounts of the kernel, and this store has none");
  }
  name_namespace(joined.inner, plan);
  return joined;
}

}  // namespace

Result<std::optional<FileLock>> hold_ids(Core& core, const ContainerSpec& spec) {
  if (!has_own_ids(spec.userns)) return std::optional<FileLock>();
  const auto tell = [&](pid_t holder) {
    core.note(fmt::format("waiting for the ids of containers, held by process {}", holder));
  };
  return std::optional(
      TRY(FileLock::acquire(TRY(core.store())->dir(), k_lock, LockMode::exclusive, core.cancel(), tell)));
}

Result<void> resolve_userns(Core& core, ContainerSpec& spec) {
  if (spec.userns.mode == Mode::path) {
    (void)TRY(open_namespace(core, spec.userns.value));
    return ok();
  }
  if (spec.userns.mode != Mode::container) return ok();
  spec.userns.value = TRY(resolve_container(core, spec.userns.value)).id.text();
  auto& needed = spec.dependencies;
  if (std::find(needed.begin(), needed.end(), spec.userns.value) == needed.end()) needed.push_back(spec.userns.value);
  return ok();
}

Result<runtime::IdMap> asked_ids(Core& core, const Dir& dir, const UsernsChoice& choice) {
  if (choice.mode == Mode::host) return runtime::IdMap{};
  auto ids = TRY(read_ids(dir));
  // The subordinate ids of the user may be others by now.
  auto nested = runtime::nest_map(ids, TRY(core.host())->default_map());
  if (!nested) return ids;
  return runtime::IdMap{runtime::normalized(std::move(nested->uids)), runtime::normalized(std::move(nested->gids))};
}

Result<JoinedUserns> join_userns(Core& core, const ContainerSpec& spec, runtime::LaunchPlan& plan) {
  JoinedUserns joined;
  if (spec.userns.mode == Mode::path) return join_path(core, spec.userns.value, plan);
  if (spec.userns.mode != Mode::container) return joined;
  const auto id = TRY(storage::ContainerId::parse(spec.userns.value));
  joined.inner = TRY(open_init_file(TRY(TRY(core.store())->containers().open(id)), "ns/user", O_RDONLY)
                         .context("join the user namespace of container " + id.text()));
  if (!joined.inner.valid()) {
    return Error(Errc::bad_state, fmt::format("cannot join the user namespace of container {}: it is not running: "
                                              "container state improper",
                                              id.text()));
  }
  name_namespace(joined.inner, plan);
  if (plan.rootfs.kind != runtime::RootfsPlan::Kind::fuse) return joined;
  joined.outer = Fd(::ioctl(joined.inner.get(), NS_GET_PARENT));
  if (!joined.outer.valid()) return Error::from_errno("find the user namespace around that of container " + id.text());
  plan.rootfs.outer_namespace = path_of(joined.outer);
  return joined;
}

Result<runtime::IdMap> choose_ids(Core& core, const ContainerSpec& spec, const ResolvedUser& user,
                                  runtime::RootfsPlan& rootfs) {
  const auto* host = TRY(core.host());
  auto available = host->default_map();
  if (spec.userns.mode == Mode::host) return available;
  auto ids = TRY(find_ids(core, spec, user, rootfs, available));
  if (spec.userns.mode == Mode::path && !keeps_owners(ids, available)) {
    return Error(Errc::unsupported,
                 fmt::format("--userns ns:{}: its ids ({}) are not among those that images are kept with ({})",
                             printable(spec.userns.value), runtime::format_ranges(ids.uids),
                             runtime::format_ranges(available.uids)))
        .with_hint("--uidmap and --gidmap give a container such ids of its own");
  }
  if (rootfs.kind == runtime::RootfsPlan::Kind::directory || keeps_owners(ids, available)) return ids;
  if (host->fuse_overlayfs.empty() || !host->fuse_usable) {
    return Error(Errc::unsupported,
                 "a container with ids other than the usual ones needs fuse-overlayfs, to show the "
                 "image's files shifted")
        .with_hint("apt install fuse-overlayfs");
  }
  rootfs.kind = runtime::RootfsPlan::Kind::fuse;
  rootfs.shift_ids = true;
  return ids;
}

}  // namespace ctr::engine

#include "engine/join_network.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/container_info.h"
#include "engine/hosts.h"
#include "engine/network/uplink_options.h"

namespace ctr::engine {

namespace {

using Mode = NetworkChoice::Mode;

Error conflict(std::string_view what, std::string_view mode) {
  return Error(Errc::invalid, fmt::format("conflicting options: {} and the network mode: {}", what, mode));
}

// Source: podman, where the files of the network's own container count.
Result<void> check_conflicts(const ContainerSpec& spec) {
  const auto mode = spec.network.mode;
  if (mode != Mode::container && mode != Mode::none) return ok();
  const auto* word = mode == Mode::none ? "none" : "container";
  const bool keeps = spec.dns_servers == std::vector<std::string>{"none"};
  if (!spec.dns_servers.empty() && !keeps) return conflict("dns", word);
  if (!spec.dns_search.empty()) return conflict("dns-search", word);
  if (!spec.dns_options.empty()) return conflict("dns-option", word);
  if (mode == Mode::container && !spec.add_hosts.empty()) {
    return Error(Errc::invalid,
                 "cannot set extra host entries when the container is joined to another containers "
                 "network namespace: invalid configuration");
  }
  return ok();
}

Result<Fd> open_namespace(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) < 0) {
    return Error::from_errno(fmt::format("cannot find specified network namespace path: stat {}", printable(path)));
  }
  auto file = TRY(open_path(path, O_RDONLY | O_NONBLOCK));
  if (::ioctl(file.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return Error(Errc::invalid, fmt::format("'{}' is not a network namespace", printable(path)))
        .with_hint("name one as /proc/PID/ns/net, or below /run/netns");
  }
  return file;
}

Error of_somebody_else(const std::string& path) {
  return Error(Errc::permission, fmt::format("cannot join {}: it belongs to another user namespace", printable(path)))
      .with_hint("a user's containers can join the network namespaces of that user's own user namespaces");
}

std::string path_of(const Fd& fd) { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get()); }

Result<ino_t> inode_of(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) < 0) return Error::from_errno("look at a namespace");
  return status.st_ino;
}

// The user namespace that `network` belongs to, where it takes joining that; invalid: the caller's rights are enough.
Result<Fd> owner_of(Core& core, const Fd& network, const std::string& path) {
  if (TRY(core.host())->privileged()) return Fd();
  Fd owner(::ioctl(network.get(), NS_GET_USERNS));
  if (!owner.valid()) return of_somebody_else(path);
  const auto own = TRY(open_path("/proc/self/ns/user", O_RDONLY));
  if (TRY(inode_of(own.get())) == TRY(inode_of(owner.get()))) return of_somebody_else(path);
  return owner;
}

void name_namespaces(const JoinedNetwork& joined, runtime::LaunchPlan& plan) {
  for (auto& entry : plan.spec.linux_config.namespaces) {
    if (entry.type == runtime::NamespaceType::network) entry.path = path_of(joined.network);
    if (entry.type == runtime::NamespaceType::user && joined.user.valid()) entry.path = path_of(joined.user);
  }
}

}  // namespace

Result<void> resolve_network(Core& core, ContainerSpec& spec) {
  TRY(check_conflicts(spec));
  if (spec.network.mode == Mode::private_) TRY(network::parse_uplink_options(spec.network));
  if (spec.network.mode != Mode::path) return ok();
  (void)TRY(open_namespace(spec.network.value));
  if (spec.userns.mode == UsernsChoice::Mode::host || TRY(core.host())->privileged()) return ok();
  return Error(Errc::unsupported, "--network ns: and --userns: who joins a network namespace is in its user namespace")
      .with_hint("leave out --userns");
}

Result<std::string> shared_files_dir(Core& core, const ContainerSpec& spec) {
  if (spec.network.mode != Mode::container) return std::string();
  // The other one may share those of a third.
  std::string dir;
  auto value = spec.network.value;
  for (int depth = 0; depth < 16; ++depth) {
    const auto id = TRY(storage::ContainerId::parse(value));
    const auto containers = TRY(core.store())->containers();
    dir = containers.path(id);
    const auto other = TRY(read_record(TRY(containers.open(id)))).spec;
    if (other.network.mode == Mode::pod) {
      return TRY(core.store())->pods().path(TRY(storage::ContainerId::parse(other.pod)));
    }
    if (other.network.mode != Mode::container) break;
    value = other.network.value;
  }
  return dir;
}

Result<JoinedNetwork> join_network(Core& core, const ContainerSpec& spec, runtime::LaunchPlan& plan) {
  JoinedNetwork joined;
  if (spec.network.mode != Mode::path) return joined;
  joined.network = TRY(open_namespace(spec.network.value));
  joined.user = TRY(owner_of(core, joined.network, spec.network.value));
  if (joined.user.valid() && plan.rootfs.kind == runtime::RootfsPlan::Kind::fuse) {
    return Error(Errc::unsupported, "--network ns: needs overlay mounts of the kernel, and this store has none");
  }
  name_namespaces(joined, plan);
  return joined;
}

Result<void> add_to_shared_hosts(Core& core, const ContainerRecord& record) {
  if (record.spec.network.mode != Mode::container || record.spec.no_hosts) return ok();
  const auto dir = TRY(Dir::open(TRY(shared_files_dir(core, record.spec))));
  if (!dir.exists("hosts")) return ok();
  auto names = record.hostname;
  if (record.hostname != record.name) names += " " + record.name;
  // The network is the same, and so its loopback address is right. The file is written to in place: it is mounted.
  const auto line = "127.0.0.1\t" + names + "\n";
  const auto text = TRY(dir.read_file("hosts"));
  if (text.find("\n" + line) != std::string::npos) return ok();
  const auto file = TRY(dir.open_file("hosts", O_WRONLY | O_APPEND));
  return write_all(file.get(), line, "the hosts file of container " + record.spec.network.value);
}

}  // namespace ctr::engine

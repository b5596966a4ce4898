#include "engine/doctor.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#include <numeric>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "runtime/launch.h"

namespace ctr::engine {
namespace {

using runtime::CgroupMode;
using runtime::HostFacts;

// Debian's own kernel, whatever built the running one.
constexpr const char* k_new_kernel = "sudo apt install linux-image-$(dpkg --print-architecture)";
constexpr uint64_t k_wanted_ids = 65536;  // what images expect: uid 65534 (nobody) must exist inside

Check good(std::string name, std::string detail) {
  return {.name = std::move(name),
          .state = Check::State::good,
          .detail = std::move(detail),
          .fix = "",
          .blocks_run = false};
}

Check warning(std::string name, std::string detail, std::string fix) {
  return {.name = std::move(name),
          .state = Check::State::warning,
          .detail = std::move(detail),
          .fix = std::move(fix),
          .blocks_run = false};
}

Check failed(std::string name, std::string detail, std::string fix) {
  return {.name = std::move(name),
          .state = Check::State::failed,
          .detail = std::move(detail),
          .fix = std::move(fix),
          .blocks_run = true};
}

uint64_t count_ids(const std::vector<SubidRange>& ranges) {
  return std::accumulate(ranges.begin(), ranges.end(), uint64_t{0},
                         [](uint64_t sum, const SubidRange& range) { return sum + range.count; });
}

std::string user_word(const HostFacts& host) { return host.user.empty() ? std::to_string(host.uid) : host.user; }

Check check_user_namespaces(const HostFacts& host) {
  if (host.user_namespaces) return good("user namespaces", "can be created");
  bool apparmor = host.user_namespaces_reason.find("apparmor") != std::string::npos;
  bool count = host.user_namespaces_reason.find("max_user_namespaces") != std::string::npos;
  return failed("user namespaces", host.user_namespaces_reason,
                apparmor ? "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
                : count  ? "sudo sysctl -w user.max_user_namespaces=63000"
                         : "sudo sysctl -w kernel.unprivileged_userns_clone=1");
}

Check check_subordinate_ids(const HostFacts& host, const DoctorProbes& probes) {
  const std::string name = "subordinate ids";
  if (host.privileged()) return good(name, "not needed: running as root");
  if (host.newuidmap.empty() || host.newgidmap.empty()) {
    return warning(
        name,
        "newuidmap or newgidmap is not installed: containers have a single user id, and most images cannot be unpacked",
        "sudo apt install uidmap");
  }
  for (const auto& program : {host.newuidmap, host.newgidmap}) {
    if (!probes.is_privileged_program(program)) {
      return warning(name, program + " has lost its set-user-id bit: it cannot write id maps",
                     "sudo apt install --reinstall uidmap");
    }
  }
  uint64_t uids = count_ids(host.subuids), gids = count_ids(host.subgids);
  if (uids < k_wanted_ids || gids < k_wanted_ids) {
    return warning(
        name,
        fmt::format(
            "user '{}' has {} subordinate user ids and {} group ids in /etc/subuid and /etc/subgid; images need {}",
            user_word(host), uids, gids, k_wanted_ids),
        "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " + user_word(host));
  }
  return good(name, fmt::format("{} user ids and {} group ids, {}", uids, gids, host.newuidmap));
}

// Both overlay checks: the native one, and fuse-overlayfs, of which one must work.
std::vector<Check> check_overlay(const HostFacts& host, const DoctorProbes& probes) {
  const std::string native_name = "overlay in a user namespace", fuse_name = "fuse-overlayfs";
  auto native = probes.native_overlay();
  bool fuse_installed = !host.fuse_overlayfs.empty();
  bool fuse = fuse_installed && host.fuse_usable;
  std::vector<Check> checks;
  if (native && *native) {
    checks.push_back(good(native_name, "the kernel mounts it: containers use native overlay"));
  } else {
    std::string why =
        native ? "the kernel refuses it here (Linux 5.11 or newer and a file system with user attributes are needed)"
               : native.error().text();
    auto fix = fuse_installed ? "sudo chmod 0666 /dev/fuse" : "sudo apt install fuse-overlayfs";
    checks.push_back(fuse
                         ? warning(native_name, why + "; fuse-overlayfs is used instead, which is slower", k_new_kernel)
                         : failed(native_name, why, fix));
  }
  std::string need = "needed for --userns keep-id and where native overlay does not work";
  if (fuse) {
    checks.push_back(good(fuse_name, host.fuse_overlayfs + " and /dev/fuse can be used"));
  } else if (!fuse_installed) {
    checks.push_back(warning(fuse_name, "not installed; " + need, "sudo apt install fuse-overlayfs"));
  } else {
    checks.push_back(warning(fuse_name, "/dev/fuse cannot be opened; " + need, "sudo chmod 0666 /dev/fuse"));
  }
  return checks;
}

Check check_network(const HostFacts& host, const DoctorProbes& probes) {
  const std::string name = "network";
  if (!probes.exists("/dev/net/tun")) {
    return failed(name, "/dev/net/tun does not exist: the tun module of the kernel is not loaded", "sudo modprobe tun");
  }
  if (!host.tun_usable) {
    return failed(name, "/dev/net/tun cannot be opened: containers can only use --network host or none",
                  "sudo chmod 0666 /dev/net/tun");
  }
  if (host.slirp4netns.empty() && host.pasta.empty()) {
    return failed(name, "neither slirp4netns nor pasta is installed: containers can only use --network host or none",
                  "sudo apt install slirp4netns");
  }
  if (host.slirp4netns.empty()) {
    return warning(name, "slirp4netns is not installed; pasta is used if it is from 2024-08 or newer",
                   "sudo apt install slirp4netns");
  }
  return good(name, host.slirp4netns + " and /dev/net/tun can be used");
}

Check check_cgroup(const HostFacts& host) {
  const std::string name = "cgroup delegation";
  std::string lost = ": everything works but limits (--memory, --cpus, --pids-limit)";
  switch (host.cgroup.mode) {
    case CgroupMode::v2_delegated: {
      std::string list;
      for (const auto& controller : host.cgroup.controllers) list += " " + controller;
      return good(name, "cgroup v2, controllers:" + (list.empty() ? " none" : list));
    }
    case CgroupMode::v2_not_delegated:
      return warning(
          name, "cgroup v2 is there, but no part of it belongs to this user" + lost,
          "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory "
          "pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload");
    default:
      return warning(
          name, fmt::format("this host uses cgroups in {} mode{}", runtime::cgroup_mode_name(host.cgroup.mode), lost),
          "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&systemd.unified_cgroup_hierarchy=1 /' /etc/default/grub && sudo "
          "update-grub");
  }
}

Check check_runtime_dir(const UserPaths& paths, const Environment& environment, const DoctorProbes& probes) {
  const std::string name = "XDG_RUNTIME_DIR";
  std::string value = environment_value(environment, "XDG_RUNTIME_DIR");
  if (value.empty()) {
    return warning(
        name, "not set: " + paths.runtime_dir + " is used; log in through a session (ssh, console), not through su",
        probes.exists("/run/systemd/system") ? "export XDG_RUNTIME_DIR=/run/user/$(id -u)"
                                             : "export XDG_RUNTIME_DIR=" + paths.runtime_dir);
  }
  if (value != paths.runtime_dir)
    return warning(name, "'" + value + "' cannot be used; " + paths.runtime_dir + " is", "ls -ld " + value);
  return good(name, value);
}

Check check_linger(const HostFacts& host, const DoctorProbes& probes) {
  const std::string name = "linger";
  if (host.privileged() || !probes.exists("/run/systemd/system"))
    return good(name, "not needed: no systemd user session ends here");
  if (probes.exists("/var/lib/systemd/linger/" + user_word(host)))
    return good(name, "on: containers go on after logout");
  return warning(name, "off: systemd ends detached containers when the last session of this user ends",
                 "sudo loginctl enable-linger " + user_word(host));
}

Check check_store(const UserPaths& paths, const DoctorProbes& probes) {
  const std::string name = "store";
  auto type = probes.store_file_system();
  if (!type) return failed(name, type.error().text(), "mkdir -p " + paths.store);
  if (*type == "nfs" || *type == "cifs" || *type == "9p") {
    return failed(name,
                  paths.store + " is on " + *type +
                      ", which cannot hold files of subordinate ids; put XDG_DATA_HOME on a local disk",
                  "export XDG_DATA_HOME=/var/tmp/$USER-data");
  }
  return good(name, paths.store + " on " + *type);
}

Check check_seccomp(const HostFacts& host) {
  if (host.seccomp) return good("seccomp", "filters can be loaded");
  return failed("seccomp", "the kernel has no seccomp filters: containers would run without a system call filter",
                k_new_kernel);
}

}  // namespace

Check check_ping(const HostFacts& host, const DoctorProbes& probes) {
  const std::string name = "ping";
  const auto groups = probes.ping_groups();
  if (host.privileged() || !groups || (groups->first <= host.gid && host.gid <= groups->second)) {
    return good(name, "works from containers to the outside");
  }
  return warning(name,
                 fmt::format("net.ipv4.ping_group_range is '{} {}': ping from containers reaches other containers only",
                             groups->first, groups->second),
                 "echo 'net.ipv4.ping_group_range = 0 2147483647' | sudo tee /etc/sysctl.d/90-ping.conf && sudo sysctl "
                 "--system");
}

Result<std::string> file_system_name(std::string path) {
  struct statfs info{};
  while (::statfs(path.c_str(), &info) < 0) {
    // The store is made at its first use: ask the nearest directory that is there.
    if (errno != ENOENT || path.size() <= 1) return Error::from_errno("statfs '" + path + "'");
    path.resize(std::max<size_t>(path.rfind('/'), 1));
  }
  switch (static_cast<uint64_t>(info.f_type)) {
    case EXT4_SUPER_MAGIC:
      return std::string("ext4");
    case XFS_SUPER_MAGIC:
      return std::string("xfs");
    case BTRFS_SUPER_MAGIC:
      return std::string("btrfs");
    case TMPFS_MAGIC:
      return std::string("tmpfs");
    case OVERLAYFS_SUPER_MAGIC:
      return std::string("overlay");
    case NFS_SUPER_MAGIC:
      return std::string("nfs");
    case V9FS_MAGIC:
      return std::string("9p");
    case FUSE_SUPER_MAGIC:
      return std::string("fuse");
    case SMB2_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
      return std::string("cifs");
    default:
      return fmt::format("file system type {:#x}", static_cast<uint64_t>(info.f_type));
  }
}

DoctorProbes host_probes(const HostFacts& host, const UserPaths& paths) {
  DoctorProbes probes;
  probes.native_overlay = [&host, store = paths.store]() -> Result<bool> {
    (void)TRY(Dir::open_or_make(store, 0700));
    return runtime::probe_native_overlay(host, store);
  };
  probes.store_file_system = [store = paths.store] { return file_system_name(store); };
  probes.exists = [](const std::string& path) { return path_exists(path); };
  probes.ping_groups = []() -> std::optional<std::pair<uint32_t, uint32_t>> {
    const auto text = read_kernel_file("/proc/sys/net/ipv4/ping_group_range");
    const auto words = text ? split_once(trim(*text), '\t') : std::nullopt;
    if (!words) return std::nullopt;
    const auto first = parse_unsigned(trim(words->first), "a group", UINT32_MAX);
    const auto last = parse_unsigned(trim(words->second), "a group", UINT32_MAX);
    if (!first || !last) return std::nullopt;
    return std::pair(static_cast<uint32_t>(*first), static_cast<uint32_t>(*last));
  };
  probes.is_privileged_program = [](const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) < 0) return false;
    bool set_user_id = (info.st_mode & S_ISUID) != 0 && info.st_uid == 0;
    return set_user_id || ::getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
  };
  return probes;
}

std::vector<Check> run_checks(const HostFacts& host, const UserPaths& paths, const Environment& environment,
                              const DoctorProbes& probes) {
  std::vector<Check> checks = {check_user_namespaces(host), check_subordinate_ids(host, probes)};
  for (auto& check : check_overlay(host, probes)) checks.push_back(std::move(check));
  checks.push_back(check_network(host, probes));
  checks.push_back(check_ping(host, probes));
  checks.push_back(check_seccomp(host));
  checks.push_back(check_cgroup(host));
  checks.push_back(check_runtime_dir(paths, environment, probes));
  checks.push_back(check_linger(host, probes));
  checks.push_back(check_store(paths, probes));
  return checks;
}

}  // namespace ctr::engine

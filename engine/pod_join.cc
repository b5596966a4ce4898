#include "engine/pod_join.h"

#include <fmt/format.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "engine/pod_hosts.h"
#include "engine/pod_up.h"
#include "runtime/pod_monitor.h"
#include "runtime/state.h"

namespace ctr::engine {

using runtime::NamespaceType;

namespace {

// How often a pod may go down between two looks.
constexpr int k_turns = 10;

Error network_is_shared(const char* what) {
  return Error(Errc::invalid,
               fmt::format("invalid config provided: {} must be defined when the pod is created: network "
                           "cannot be configured when it is shared with a pod",
                           what));
}

Result<void> check_network(const ContainerSpec& spec) {
  if (!spec.ports.empty() || spec.publish_all_ports) return network_is_shared("published or exposed ports");
  if (!spec.add_hosts.empty()) {
    return Error(Errc::invalid,
                 "extra host entries must be specified on the pod: network cannot be configured when it "
                 "is shared with a pod");
  }
  if (!spec.dns_servers.empty() || !spec.dns_search.empty() || !spec.dns_options.empty()) {
    return network_is_shared("DNS settings");
  }
  return ok();
}

// Of the network come its ports and names, too.
Result<void> apply_network(ContainerSpec& spec, const PodRecord& pod, bool held) {
  const auto& shared = pod.spec.shared;
  if (spec.network.mode == NetworkChoice::Mode::bridge) return network_is_shared("networks");
  if (spec.network != NetworkChoice{}) return ok();  // one of its own
  TRY(check_network(spec));
  spec.network = shared.network;
  if (held) {
    spec.network = NetworkChoice{};
    spec.network.mode = NetworkChoice::Mode::pod;
    spec.ports = shared.ports;
  }
  spec.add_hosts = shared.add_hosts;
  spec.hosts_file = shared.hosts_file;
  spec.no_hosts = spec.no_hosts || shared.no_hosts;
  spec.dns_servers = shared.dns_servers;
  spec.dns_search = shared.dns_search;
  spec.dns_options = shared.dns_options;
  return ok();
}

void apply_namespace(NamespaceChoice& choice, const NamespaceChoice& shared, bool held) {
  if (choice.mode != NamespaceChoice::Mode::automatic) return;
  choice = shared;
  if (held) choice = {NamespaceChoice::Mode::pod, ""};
}

Result<void> apply_namespaces(ContainerSpec& spec, const PodRecord& pod) {
  const auto& shared = pod.spec.shared;
  const auto held = held_namespaces(pod.spec);
  const auto is_held = [&](NamespaceType type) { return std::find(held.begin(), held.end(), type) != held.end(); };
  const auto& share = pod.spec.share;
  if (share.contains("net")) TRY(apply_network(spec, pod, is_held(NamespaceType::network)));
  if (share.contains("ipc")) apply_namespace(spec.ipc, shared.ipc, is_held(NamespaceType::ipc));
  if (share.contains("pid")) apply_namespace(spec.pid, shared.pid, is_held(NamespaceType::pid));
  if (share.contains("uts") && spec.uts.mode == NamespaceChoice::Mode::automatic) {
    if (!spec.hostname.empty()) {
      return Error(Errc::invalid, "cannot set hostname when joining the pod UTS namespace: invalid configuration")
          .with_hint("--hostname of `ctr pod create` sets that of all members");
    }
    apply_namespace(spec.uts, shared.uts, is_held(NamespaceType::uts));
    if (spec.uts.mode == NamespaceChoice::Mode::pod) spec.hostname = pod.hostname;
  }
  const bool own_userns = spec.userns != UsernsChoice{};
  if (held.empty() && shared.userns == UsernsChoice{}) return ok();
  if (own_userns) return Error(Errc::invalid, "--userns and --pod cannot be set together");
  // Rights over the namespaces that are shared follow from it.
  spec.userns.mode = UsernsChoice::Mode::pod;
  return ok();
}

template <typename T>
void set_if_empty(T& value, const T& of_pod) {
  if (value.empty()) value = of_pod;
}

template <typename T>
void add_missing(std::vector<T>& all, const std::vector<T>& of_pod) {
  for (const auto& one : of_pod) {
    if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
  }
}

void apply_security(SecuritySpec& security, const SecuritySpec& shared) {
  set_if_empty(security.seccomp_profile, shared.seccomp_profile);
  set_if_empty(security.apparmor_profile, shared.apparmor_profile);
  set_if_empty(security.mask, shared.mask);
  set_if_empty(security.unmask, shared.unmask);
  set_if_empty(security.proc_options, shared.proc_options);
  security.no_new_privileges = security.no_new_privileges || shared.no_new_privileges;
  security.label_disable = security.label_disable || shared.label_disable;
}

void apply_files(ContainerSpec& spec, const ContainerSpec& shared) {
  for (const auto& mount : shared.mounts) {
    const bool taken = std::any_of(spec.mounts.begin(), spec.mounts.end(),
                                   [&](const auto& other) { return other.destination == mount.destination; });
    if (!taken) spec.mounts.push_back(mount);
  }
  add_missing(spec.volumes_from, shared.volumes_from);
  add_missing(spec.devices, shared.devices);
  add_missing(spec.cdi_devices, shared.cdi_devices);
}

std::string path_of(const Fd& fd) { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get()); }

// /dev/shm, or a volume in memory.
bool shares_memory(const ContainerSpec& spec) {
  return spec.ipc.mode == NamespaceChoice::Mode::pod ||
         std::any_of(spec.mounts.begin(), spec.mounts.end(),
                     [](const auto& mount) { return mount.type == MountSpec::Type::memory; });
}

const Fd* find_file(const JoinedPod& joined, NamespaceType type) {
  for (const auto& [present, file] : joined.files) {
    if (present == type) return &file;
  }
  return nullptr;
}

}  // namespace

Result<void> apply_pod(ContainerSpec& spec, const PodRecord& pod) {
  const auto& shared = pod.spec.shared;
  spec.pod = pod.id;
  if (pod.spec.infra) TRY(apply_namespaces(spec, pod));
  apply_security(spec.security, shared.security);
  apply_files(spec, shared);
  spec.no_hostname = spec.no_hostname || shared.no_hostname;
  if (pod.spec.share_parent) {
    // Limits of the pod hold for each of its members.
    if (!pod.cgroup.empty()) spec.cgroup_parent = pod.cgroup;
    set_if_empty(spec.cgroup_parent, shared.cgroup_parent);
  }
  const bool may_restart = !spec.auto_remove && spec.init_container.empty();
  if (spec.restart.policy == RestartSpec::Policy::no && may_restart) spec.restart = shared.restart;
  return ok();
}

void forget_pod_settings(ContainerSpec& spec) {
  for (auto* choice : {&spec.pid, &spec.ipc, &spec.uts}) {
    if (choice->mode != NamespaceChoice::Mode::pod) continue;
    if (choice == &spec.uts) spec.hostname.clear();
    *choice = {};
  }
  if (spec.userns.mode == UsernsChoice::Mode::pod) spec.userns = {};
  if (spec.network.mode != NetworkChoice::Mode::pod) return;
  spec.network = {};
  spec.ports.clear();
  for (auto* list : {&spec.add_hosts, &spec.dns_servers, &spec.dns_search, &spec.dns_options}) list->clear();
  spec.hosts_file.clear();
}

Result<void> resolve_pod_of(Core& core, ContainerSpec& spec) {
  if (spec.pod.empty()) {
    if (spec.init_container.empty()) return ok();
    return Error(Errc::invalid, "init containers must be created in a pod: invalid argument")
        .with_hint("--pod names one, or with new: makes one");
  }
  const auto entry = TRY(resolve_pod(core, spec.pod));
  // At a second try the specification has been applied already.
  if (spec.pod == entry.id.text() && spec.userns.mode == UsernsChoice::Mode::pod) return ok();
  return apply_pod(spec, TRY(read_pod_record(TRY(TRY(core.store())->pods().open(entry.id)))));
}

Result<std::optional<FileLock>> hold_pod(Core& core, const std::string& pod) {
  if (pod.empty()) return std::optional<FileLock>();
  const auto pods = TRY(core.store())->pods();
  const auto id = TRY(storage::ContainerId::parse(pod));
  for (int turn = 0; turn < k_turns; ++turn) {
    {
      auto shared = TRY(pods.lock(id, LockMode::shared, core.cancel()));
      if (!TRY(needs_monitor(core, id))) {
        TRY(add_member_names(core, id));
        return std::optional(std::move(shared));
      }
    }
    const auto alone = TRY(pods.lock(id, LockMode::exclusive, core.cancel()));
    TRY(bring_up(core, id));
  }
  return Error(Errc::bad_state, fmt::format("pod {} goes down as often as it is started", pod));
}

Result<JoinedPod> join_pod(Core& core, const ContainerSpec& spec, runtime::LaunchPlan& plan) {
  JoinedPod joined;
  if (spec.pod.empty() || spec.userns.mode != UsernsChoice::Mode::pod) return joined;
  const auto pods = TRY(core.store())->pods();
  const auto id = TRY(storage::ContainerId::parse(spec.pod));
  const auto dir = TRY(pods.open(id));
  joined.files = TRY(runtime::open_pod_namespaces(dir, TRY(runtime::read_state(dir)))
                         .context("join the namespaces of pod " + id.short_text()));
  const std::string places = pods.path(id) + "/ns/";
  for (auto& entry : plan.spec.linux_config.namespaces) {
    if (!entry.path.starts_with(places)) continue;
    const Fd* file = find_file(joined, entry.type);
    if (file == nullptr) {
      return Error(Errc::bad_state, fmt::format("pod {} has no {} namespace to share", id.short_text(),
                                                runtime::namespace_name(entry.type)));
    }
    entry.path = path_of(*file);
  }
  const Fd* mounts = find_file(joined, NamespaceType::mount);
  if (mounts != nullptr && shares_memory(spec)) plan.rootfs.mounts_namespace = path_of(*mounts);
  if (plan.rootfs.kind != runtime::RootfsPlan::Kind::fuse) return joined;
  joined.outer = Fd(::ioctl(find_file(joined, NamespaceType::user)->get(), NS_GET_PARENT));
  if (!joined.outer.valid()) return Error::from_errno("find the user namespace around that of the pod");
  plan.rootfs.outer_namespace = path_of(joined.outer);
  return joined;
}

}  // namespace ctr::engine

// The `spec` of a pod: what its containers share, and they themselves.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "engine/kube/reader.h"
#include "engine/names.h"

namespace ctr::engine::kube {

using std::chrono::seconds;

namespace {

constexpr int64_t k_most_seconds = 10LL * 365 * 24 * 3600;

Result<RestartSpec> read_restart_policy(Fields& pod, int backoff_limit) {
  RestartSpec restart;
  const auto word = TRY(pod.text_or("restartPolicy", "Always"));
  if (word == "Always") {
    restart.policy = RestartSpec::Policy::always;
  } else if (word == "OnFailure") {
    restart.policy = RestartSpec::Policy::on_failure;
    restart.most_retries = backoff_limit;
  } else if (word != "Never") {
    return pod.wrong("restartPolicy", "is none of Always, OnFailure and Never");
  }
  return restart;
}

Result<void> read_dns(Fields& pod, ContainerSpec& shared) {
  const auto policy = TRY(pod.text_or("dnsPolicy", "ClusterFirst"));
  const bool known = policy == "ClusterFirst" || policy == "ClusterFirstWithHostNet" || policy == "Default";
  if (!known && policy != "None")
    return pod.wrong("dnsPolicy", fmt::format("'{}' is not supported", printable(policy)));
  auto config = TRY(pod.find_map("dnsConfig"));
  if (!config) {
    if (policy == "None") return pod.wrong("dnsPolicy", "None needs a dnsConfig with nameservers");
    return ok();
  }
  shared.dns_servers = TRY(config->texts("nameservers"));
  shared.dns_search = TRY(config->texts("searches"));
  for (auto& option : TRY(config->maps("options"))) {
    const auto name = TRY(option.get_text("name"));
    const auto value = TRY(option.find_text("value"));
    shared.dns_options.push_back(value ? name + ":" + *value : name);
    TRY(option.finish());
  }
  TRY(config->finish());
  if (policy == "None" && shared.dns_servers.empty()) return pod.wrong("dnsPolicy", "None needs nameservers");
  return ok();
}

Result<void> read_host_aliases(Fields& pod, const Choices& choices, ContainerSpec& shared) {
  for (auto& alias : TRY(pod.maps("hostAliases"))) {
    const auto ip = TRY(alias.get_text("ip"));
    for (const auto& name : TRY(alias.texts("hostnames"))) shared.add_hosts.push_back(name + ":" + ip);
    TRY(alias.finish());
  }
  if (choices.no_hosts && !shared.add_hosts.empty()) {
    return pod.wrong("hostAliases", "there is no /etc/hosts for them with --no-hosts");
  }
  return ok();
}

// The namespaces of the host that the containers are in, and those that they share.
struct Shared {
  bool host_pid = false, host_ipc = false;
};

Result<Shared> read_namespaces(Fields& pod, const PodContext& context, PodSpec& spec) {
  Shared shared;
  shared.host_pid = TRY(pod.flag_or("hostPID", false));
  shared.host_ipc = TRY(pod.flag_or("hostIPC", false));
  const bool host_network = TRY(pod.flag_or("hostNetwork", false));
  const bool share_pid = TRY(pod.flag_or("shareProcessNamespace", false));
  if (share_pid && shared.host_pid) return pod.wrong("shareProcessNamespace", "excludes hostPID");
  if (share_pid) spec.share.insert("pid");
  if (shared.host_ipc) spec.share.erase("ipc");
  if (host_network) spec.shared.network.mode = NetworkChoice::Mode::host;
  if (context.choices.network) spec.shared.network = *context.choices.network;
  const auto host_users = TRY(pod.find_flag("hostUsers"));
  const auto& annotations = context.metadata.annotations;
  if (host_users && !*host_users) spec.shared.userns.mode = UsernsChoice::Mode::automatic;
  const auto userns = annotations.find("io.podman.annotations.userns");
  if (userns != annotations.end() && userns->second.starts_with("keep-id")) {
    spec.shared.userns.mode = UsernsChoice::Mode::keep_id;
  }
  if (context.choices.userns) spec.shared.userns = *context.choices.userns;
  return shared;
}

// Ports of the command line come before those of the file.
void settle_ports(const Choices& choices, ContainerSpec& shared) {
  auto ports = choices.ports;
  for (const auto& port : shared.ports) {
    const bool taken = std::any_of(ports.begin(), ports.end(), [&](const auto& other) {
      return other.container_port == port.container_port && other.protocol == port.protocol;
    });
    if (!taken) ports.push_back(port);
  }
  if (shared.network.mode == NetworkChoice::Mode::host || shared.network.mode == NetworkChoice::Mode::none)
    ports.clear();
  shared.ports = std::move(ports);
}

// Volumes in memory are mounts of one container each; what several share is a directory.
void settle_volumes(const VolumeSources& volumes, Source& source, PodPlan& plan) {
  for (const auto& [name, volume] : volumes) {
    if (volume.check) plan.host_paths.push_back(*volume.check);
    if (!volume.made || volume.users == 0) continue;
    if (volume.kind != VolumeSource::Kind::tmpfs) {
      plan.volumes.push_back(*volume.made);
    } else if (volume.users > 1) {
      source.warnings.push_back(fmt::format("{}kept on disk, since several containers share it", volume.where));
      plan.volumes.push_back(*volume.made);
    }
  }
}

void share_memory_volumes(const VolumeSources& volumes, const std::vector<std::vector<std::string>>& mounted,
                          std::vector<ContainerPlan>& containers) {
  for (size_t i = 0; i < containers.size(); ++i) {
    auto& mounts = containers[i].spec.mounts;
    for (size_t k = 0; k < mounts.size() && k < mounted[i].size(); ++k) {
      const auto& volume = volumes.at(mounted[i][k]);
      if (volume.kind != VolumeSource::Kind::tmpfs || volume.users < 2) continue;
      mounts[k].type = MountSpec::Type::volume;
      mounts[k].source = volume.source;
      std::erase_if(mounts[k].options, [](const std::string& option) { return option.starts_with("size="); });
    }
  }
}

// The names of the volumes that a container mounts, in order.
Result<std::vector<std::string>> mounted_names(Fields& container, const VolumeSources& volumes) {
  std::vector<std::string> names;
  for (auto& mount : TRY(container.maps("volumeMounts"))) {
    auto name = TRY(mount.get_text("name"));
    const auto found = volumes.find(name);
    if (found != volumes.end() && found->second.kind != VolumeSource::Kind::device) names.push_back(std::move(name));
  }
  return names;
}

// Containers of their own namespaces stay out of what the pod shares, and main containers wait for the sidecars.
void join_up(const Shared& shared, PodPlan& plan) {
  std::vector<std::string> sidecars;
  for (auto& container : plan.containers) {
    auto& spec = container.spec;
    if (shared.host_pid) spec.pid.mode = NamespaceChoice::Mode::host;
    if (shared.host_ipc) spec.ipc.mode = NamespaceChoice::Mode::host;
    if (container.role == ContainerPlan::Role::main) spec.dependencies = sidecars;
    if (container.role == ContainerPlan::Role::sidecar) sidecars.push_back(spec.name);
  }
}

Result<void> read_containers(Fields& pod, PodContext& context, PodPlan& plan) {
  auto volumes = TRY(read_volumes(pod, context));
  std::vector<std::vector<std::string>> mounted;
  std::set<std::string> names;
  for (const bool init : {true, false}) {
    for (auto& container : TRY(pod.maps(init ? "initContainers" : "containers"))) {
      mounted.push_back(TRY(mounted_names(container, volumes)));
      plan.containers.push_back(TRY(read_container(container, context, volumes, init, plan.spec)));
      const auto& name = plan.containers.back().name;
      if (!names.insert(name).second) return container.wrong("name", fmt::format("'{}' is there twice", name));
    }
  }
  const auto is_main = [](const auto& container) { return container.role == ContainerPlan::Role::main; };
  if (std::none_of(plan.containers.begin(), plan.containers.end(), is_main)) {
    return pod.wrong("", "there are no containers");
  }
  share_memory_volumes(volumes, mounted, plan.containers);
  settle_volumes(volumes, context.source, plan);
  return ok();
}

}  // namespace

Result<PodPlan> read_pod(Fields& spec, PodContext& context) {
  PodPlan plan;
  auto& shared = plan.spec.shared;
  plan.spec.name = context.pod_name;
  if (auto good = check_name(context.pod_name); !good) return spec.wrong("", good.error().message());
  plan.spec.exit_policy = PodSpec::ExitPolicy::stop;
  shared.labels = context.metadata.labels;
  context.restart = TRY(read_restart_policy(spec, context.backoff_limit));
  shared.restart = context.restart;
  if (const auto time = TRY(spec.find_integer("terminationGracePeriodSeconds", 0, k_most_seconds))) {
    context.grace_period = seconds(*time);
  }
  if (const auto time = TRY(spec.find_integer("activeDeadlineSeconds", 1, k_most_seconds))) {
    context.deadline = seconds(*time);
  }
  context.service_account = TRY(spec.text_or("serviceAccountName", "default"));
  shared.hostname = TRY(spec.text_or("hostname", context.pod_name));
  shared.no_hosts = context.choices.no_hosts;
  shared.no_hostname = context.choices.no_hostname;
  const auto namespaces = TRY(read_namespaces(spec, context, plan.spec));
  TRY(read_dns(spec, shared));
  TRY(read_host_aliases(spec, context.choices, shared));
  TRY(read_pod_security(spec, context, plan.spec));
  TRY(read_containers(spec, context, plan));
  join_up(namespaces, plan);
  settle_ports(context.choices, shared);
  // Which machine a pod is on, and what it may ask of the cluster.
  spec.skip({"nodeName", "nodeSelector", "affinity", "tolerations", "schedulerName", "schedulingGates", "priority",
             "priorityClassName", "preemptionPolicy", "topologySpreadConstraints", "serviceAccount",
             "automountServiceAccountToken", "enableServiceLinks", "imagePullSecrets", "os"});
  TRY(spec.finish());
  return plan;
}

}  // namespace ctr::engine::kube

// The `spec` of a pod: what its containers share, and they themselves.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "engine/kube/annotations.h"
#include "engine/kube/origin.h"
#include "engine/kube/reader.h"
#include "engine/names.h"
#include "engine/userns_words.h"

namespace ctr::engine::kube {

using std::chrono::seconds;

namespace {

Result<RestartSpec> read_restart_policy(Fields& pod, std::optional<int> job_retries) {
  RestartSpec restart;
  const auto word = TRY(pod.text_or("restartPolicy", "Always"));
  if (word == "Always") {
    restart.policy = RestartSpec::Policy::always;
    if (job_retries) TRY(pod.unsupported("restartPolicy", "Always would begin a Job again: choose OnFailure or Never"));
  } else if (word == "OnFailure") {
    // 0 retries are no limit for a restart policy.
    if (job_retries != 0) restart.policy = RestartSpec::Policy::on_failure;
    restart.most_retries = job_retries.value_or(0);
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
  if (host_network) {
    spec.shared.network.mode = NetworkChoice::Mode::host;
  } else if (const auto& network = context.choices.default_network; !network.empty()) {
    spec.shared.network.mode = NetworkChoice::Mode::bridge;
    spec.shared.network.networks.emplace_back().network = network;
  }
  if (context.choices.network) spec.shared.network = *context.choices.network;
  const auto host_users = TRY(pod.find_flag("hostUsers"));
  const auto& annotations = context.metadata.annotations;
  if (host_users && !*host_users) spec.shared.userns.mode = UsernsChoice::Mode::automatic;
  const auto userns = annotations.find(std::string(k_userns_annotation));
  if (userns != annotations.end() && !context.choices.userns) {
    auto choice = parse_userns(userns->second);
    if (!choice) return pod.wrong("", fmt::format("{}: {}", k_userns_annotation, choice.error().message()));
    spec.shared.userns = std::move(*choice);
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

// What one container alone mounts is a file system of its own, as podman makes it: --tmpfs is told and played like
// this.
void keep_own_memory(const VolumeSources& volumes, ContainerSpec& spec) {
  for (auto& mount : spec.mounts) {
    if (mount.type != MountSpec::Type::memory) continue;
    // An annotation may have set others.
    const auto volume = volumes.find(mount.source);
    if (volume == volumes.end() || !volume->second.memory || volume->second.is_shared) continue;
    const auto& memory = *volume->second.memory;
    std::vector<std::string> options;
    if (memory.size_bytes) options.push_back(fmt::format("size={}", *memory.size_bytes));
    if (memory.gid) options.insert(options.end(), {"mode=2777", fmt::format("gid={}", *memory.gid)});
    mount.options.insert(mount.options.begin(), options.begin(), options.end());
    mount.type = MountSpec::Type::tmpfs;
    mount.source.clear();
  }
}

// What nobody mounts is not made.
Result<void> settle_volumes(const Fields& pod, const VolumeSources& volumes, const Objects& objects, PodPlan& plan) {
  for (const auto& [name, volume] : volumes) {
    if (volume.check) plan.host_paths.push_back(*volume.check);
    if (volume.users == 0) continue;
    if (volume.made) plan.volumes.push_back(*volume.made);
    if (!volume.origin.is_null()) add_origin(name, volume.origin, objects, plan.origin);
    if (volume.memory && volume.is_shared) plan.spec.memory.push_back(*volume.memory);
  }
  for (auto& container : plan.containers) keep_own_memory(volumes, container.spec);
  if (plan.spec.memory.size() <= k_most_memories) return ok();
  return pod.wrong("volumes", fmt::format("a pod can have {} volumes in memory", k_most_memories));
}

// In its networks a pod has the names of its containers, too, as with podman.
void name_containers(PodPlan& plan) {
  for (auto& attachment : plan.spec.shared.network.networks) {
    for (const auto& container : plan.containers) attachment.aliases.push_back(container.name);
  }
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

// What the annotation of the pod says, unless the command line says otherwise.
Result<void> apply_pod_words(const Fields& pod, const PodContext& context, PodSpec& spec) {
  const auto& choices = context.choices;
  auto network = spec.shared.network;
  if (auto applied = apply_pod_annotation(context.metadata.annotations, spec); !applied) {
    return pod.wrong("", fmt::format("{}: {}", k_pod_annotation, applied.error().message()));
  }
  if (choices.network) spec.shared.network = std::move(network);
  if (choices.userns) spec.shared.userns = *choices.userns;
  spec.shared.no_hosts = spec.shared.no_hosts || choices.no_hosts;
  spec.shared.no_hostname = spec.shared.no_hostname || choices.no_hostname;
  return ok();
}

// Volumes and variables may have those of any container.
Result<void> read_all_resources(Fields& pod, PodContext& context) {
  for (const auto* key : {"initContainers", "containers"}) {
    for (auto& container : TRY(pod.maps(key))) {
      ContainerSpec spec;
      TRY(read_resources(container, spec));
      context.resources.emplace(TRY(container.text_or("name", "")), std::move(spec.resources));
    }
  }
  return ok();
}

Result<void> read_containers(Fields& pod, PodContext& context, PodPlan& plan) {
  TRY(read_all_resources(pod, context));
  auto volumes = TRY(read_volumes(pod, context));
  std::set<std::string> names;
  for (const bool init : {true, false}) {
    for (auto& container : TRY(pod.maps(init ? "initContainers" : "containers"))) {
      plan.containers.push_back(TRY(read_container(container, context, volumes, init, plan.spec)));
      const auto& name = plan.containers.back().name;
      if (!names.insert(name).second) return container.wrong("name", fmt::format("'{}' is there twice", name));
    }
  }
  const auto is_main = [](const auto& container) { return container.role == ContainerPlan::Role::main; };
  if (std::none_of(plan.containers.begin(), plan.containers.end(), is_main)) {
    return pod.wrong("", "there are no containers");
  }
  return settle_volumes(pod, volumes, context.objects, plan);
}

}  // namespace

Result<PodPlan> read_pod(Fields& spec, PodContext& context) {
  PodPlan plan;
  auto& shared = plan.spec.shared;
  plan.spec.name = context.pod_name;
  if (auto good = check_name(context.pod_name); !good) return spec.wrong("", good.error().message());
  plan.spec.exit_policy = PodSpec::ExitPolicy::stop;
  shared.labels = context.metadata.labels;
  context.restart = TRY(read_restart_policy(spec, context.job_retries));
  shared.restart = context.restart;
  if (const auto time = TRY(spec.find_integer("terminationGracePeriodSeconds", 0, k_most_pod_seconds))) {
    context.grace_period = seconds(*time);
  }
  if (const auto time = TRY(spec.find_integer("activeDeadlineSeconds", 1, k_most_pod_seconds))) {
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
  plan.port_names = std::move(context.port_names);
  join_up(namespaces, plan);
  name_containers(plan);
  TRY(apply_pod_words(spec, context, plan.spec));
  settle_ports(context.choices, shared);
  // Which machine a pod is on, and what it may ask of the cluster.
  spec.skip({"nodeName", "nodeSelector", "affinity", "tolerations", "schedulerName", "schedulingGates", "priority",
             "priorityClassName", "preemptionPolicy", "topologySpreadConstraints", "serviceAccount",
             "automountServiceAccountToken", "enableServiceLinks", "imagePullSecrets", "os"});
  TRY(spec.finish());
  return plan;
}

}  // namespace ctr::engine::kube

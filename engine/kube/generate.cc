#include "engine/kube/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "engine/kube/annotations.h"
#include "engine/kube/generate_container.h"
#include "engine/kube/origin.h"
#include "engine/kube/plan.h"
#include "engine/userns_words.h"

namespace ctr::engine::kube {

namespace {

// What all containers of a pod have in common, told by one of them.
const ContainerSpec& first_spec(const SourcePod& pod) { return pod.containers.front().spec; }

const ContainerSpec& shared_spec(const SourcePod& pod) { return pod.spec ? pod.spec->shared : first_spec(pod); }

std::string name_in_pod(const SourceContainer& container, const SourcePod& pod) {
  const auto prefix = pod.name + "-";
  return container.name.starts_with(prefix) ? container.name.substr(prefix.size()) : container.name;
}

std::string_view restart_word(RestartSpec::Policy policy) {
  switch (policy) {
    case RestartSpec::Policy::no:
      return "Never";
    case RestartSpec::Policy::on_failure:
      return "OnFailure";
    case RestartSpec::Policy::always:
    case RestartSpec::Policy::unless_stopped:
      return "Always";
  }
  return "Always";
}

Json dns_json(const ContainerSpec& shared) {
  Json json = Json::object();
  if (!shared.dns_servers.empty()) json.set("nameservers", Json::strings(shared.dns_servers));
  if (!shared.dns_search.empty()) json.set("searches", Json::strings(shared.dns_search));
  Json options = Json::array();
  for (const auto& option : shared.dns_options) {
    const auto pair = split_once(option, ':');
    Json entry = Json::object().set("name", pair ? pair->first : option);
    if (pair) entry.set("value", pair->second);
    options.push(std::move(entry));
  }
  if (!options.as_array().empty()) json.set("options", std::move(options));
  return json;
}

Json aliases_json(const ContainerSpec& shared) {
  Json list = Json::array();
  for (const auto& host : shared.add_hosts) {
    const auto pair = split_once(host, ':');
    if (!pair) continue;
    list.push(Json::object().set("hostnames", Json::strings({pair->first})).set("ip", pair->second));
  }
  return list;
}

Json pod_security_json(const SourcePod& pod) {
  const auto& spec = first_spec(pod);
  Json json = Json::object();
  Json groups = Json::array();
  for (const auto& group : spec.groups) {
    const bool is_id =
        !group.empty() && group.size() < 10 && group.find_first_not_of("0123456789") == std::string::npos;
    if (is_id) groups.push(int64_t{std::stol(group)});
  }
  if (!groups.as_array().empty()) json.set("supplementalGroups", std::move(groups));
  Json sysctls = Json::array();
  for (const auto& [name, value] : shared_spec(pod).sysctls) {
    sysctls.push(Json::object().set("name", name).set("value", value));
  }
  if (!sysctls.as_array().empty()) json.set("sysctls", std::move(sysctls));
  return json;
}

// Containers without ports of their own listen on those of the pod: the first one tells them.
Json containers_json(const SourcePod& pod, bool init, GeneratedVolumes& volumes) {
  Json list = Json::array();
  bool first = !init;
  for (const auto& source : pod.containers) {
    if (source.spec.init_container.empty() == init) continue;
    Json json = container_json(source, name_in_pod(source, pod), pod, volumes);
    if (source.spec.init_container == k_sidecar) json.set("restartPolicy", "Always");
    auto published = pod.spec ? (first ? pod.spec->shared.ports : std::vector<PortMapping>()) : source.spec.ports;
    Json ports = ports_json(published, source.spec.exposed_ports);
    if (!ports.as_array().empty()) json.set("ports", std::move(ports));
    list.push(std::move(json));
    first = false;
  }
  return list;
}

void set_if(Json& json, std::string_view key, Json value) {
  const bool empty = (value.is_array() && value.as_array().empty()) || (value.is_object() && value.as_object().empty());
  if (!empty) json.set(std::string(key), std::move(value));
}

// What a controller lets its pods have: a cluster takes no other word.
std::string_view restart_word_of(const SourcePod& pod, GeneratedKind kind) {
  const auto word = restart_word(pod.containers.back().spec.restart.policy);
  if (kind == GeneratedKind::deployment || kind == GeneratedKind::daemon_set) return "Always";
  return kind == GeneratedKind::job && word == "Always" ? "OnFailure" : word;
}

bool has_host_pid(const SourcePod& pod) {
  constexpr auto k_host = NamespaceChoice::Mode::host;
  return first_spec(pod).pid.mode == k_host || shared_spec(pod).pid.mode == k_host;
}

Json spec_json(const SourcePod& pod, GeneratedKind kind) {
  const auto& first = first_spec(pod);
  const auto& shared = shared_spec(pod);
  GeneratedVolumes volumes;
  Json spec = Json::object();
  set_if(spec, "containers", containers_json(pod, false, volumes));
  set_if(spec, "initContainers", containers_json(pod, true, volumes));
  set_if(spec, "dnsConfig", dns_json(shared));
  set_if(spec, "hostAliases", aliases_json(shared));
  set_if(spec, "securityContext", pod_security_json(pod));
  if (first.ipc.mode == NamespaceChoice::Mode::host) spec.set("hostIPC", true);
  if (shared.network.mode == NetworkChoice::Mode::host) spec.set("hostNetwork", true);
  const bool host_pid = has_host_pid(pod);
  if (host_pid) spec.set("hostPID", true);
  if (shared.userns.mode == UsernsChoice::Mode::automatic) spec.set("hostUsers", false);
  // The pod's name is one by itself, where a cluster does not make up another.
  const bool is_usual = kind == GeneratedKind::pod && shared.hostname == pod.name;
  if (!shared.hostname.empty() && !is_usual) spec.set("hostname", shared.hostname);
  if (pod.spec && pod.spec->share.contains("pid") && !host_pid) spec.set("shareProcessNamespace", true);
  const auto& last = pod.containers.back().spec;
  spec.set("restartPolicy", restart_word_of(pod, kind));
  if (last.stop_timeout) spec.set("terminationGracePeriodSeconds", int64_t{last.stop_timeout->count()});
  if (last.timeout) spec.set("activeDeadlineSeconds", int64_t{last.timeout->count()});
  Json list = Json::array();
  for (auto& [name, volume] : volumes) list.push(std::move(volume.json));
  set_if(spec, "volumes", std::move(list));
  return spec;
}

std::map<std::string, std::string> labels_of(const SourcePod& pod) {
  auto labels = pod.spec ? pod.spec->shared.labels : first_spec(pod).labels;
  // Labels that programs keep their own notes in are theirs.
  std::erase_if(labels, [](const auto& entry) { return entry.first.starts_with("io.containers."); });
  labels.try_emplace("app", pod.name);
  return labels;
}

Json metadata_json(const SourcePod& pod, const std::map<std::string, std::string>& annotations) {
  Json metadata = Json::object();
  set_if(metadata, "annotations", Json::string_map(annotations));
  return metadata.set("labels", Json::string_map(labels_of(pod))).set("name", pod.name);
}

struct Words {
  std::string_view kind, api, suffix;
};

Words words_of(GeneratedKind kind) {
  switch (kind) {
    case GeneratedKind::pod:
      return {"Pod", "v1", ""};
    case GeneratedKind::deployment:
      return {"Deployment", "apps/v1", "-deployment"};
    case GeneratedKind::daemon_set:
      return {"DaemonSet", "apps/v1", "-daemonset"};
    case GeneratedKind::job:
      return {"Job", "batch/v1", "-job"};
  }
  return {};
}

// Playing it adds "-pod".
std::string controller_name(const std::string& pod, std::string_view suffix) {
  constexpr std::string_view k_added = "-pod";
  return pod.ends_with(k_added) ? pod.substr(0, pod.size() - k_added.size()) : pod + std::string(suffix);
}

Json document_of(const SourcePod& pod, const GenerateOptions& options,
                 const std::map<std::string, std::string>& annotations) {
  const auto words = words_of(options.kind);
  Json metadata = metadata_json(pod, annotations);
  Json document = Json::object().set("apiVersion", words.api).set("kind", words.kind);
  if (options.kind == GeneratedKind::pod) {
    return document.set("metadata", std::move(metadata)).set("spec", spec_json(pod, options.kind));
  }
  Json selector = Json::object().set("matchLabels", Json::object().set("app", labels_of(pod).at("app")));
  Json spec = Json::object();
  if (options.kind == GeneratedKind::deployment) spec.set("replicas", options.replicas);
  if (options.kind != GeneratedKind::job) spec.set("selector", std::move(selector));
  const int retries = pod.containers.back().spec.restart.most_retries;
  if (options.kind == GeneratedKind::job && retries > 0) spec.set("backoffLimit", retries);
  spec.set("template", Json::object().set("metadata", std::move(metadata)).set("spec", spec_json(pod, options.kind)));
  Json outer = Json::object()
                   .set("labels", Json::string_map(labels_of(pod)))
                   .set("name", controller_name(pod.name, words.suffix));
  return document.set("metadata", std::move(outer)).set("spec", std::move(spec));
}

Json service_json(const SourcePod& pod) {
  constexpr uint16_t k_first_node_port = 30000;
  constexpr uint16_t k_last_node_port = 32767;
  Json ports = Json::array();
  for (const auto& mapping : shared_spec(pod).ports) {
    for (uint16_t i = 0; i < mapping.range; ++i) {
      const int64_t inside = int64_t{mapping.container_port} + i;
      const int64_t outside = int64_t{mapping.host_port} + i;
      Json port = Json::object().set("name", fmt::format("{}-{}", inside, mapping.protocol));
      if (outside >= k_first_node_port && outside <= k_last_node_port) port.set("nodePort", outside);
      port.set("port", inside).set("protocol", to_upper(mapping.protocol)).set("targetPort", inside);
      ports.push(std::move(port));
    }
  }
  Json spec = Json::object();
  set_if(spec, "ports", std::move(ports));
  spec.set("selector", Json::object().set("app", labels_of(pod).at("app"))).set("type", "NodePort");
  return Json::object()
      .set("apiVersion", "v1")
      .set("kind", "Service")
      .set("metadata", Json::object().set("labels", Json::string_map(labels_of(pod))).set("name", pod.name))
      .set("spec", std::move(spec));
}

// What playing the document makes of a pod, to see what is lost. JSON is YAML.
struct PlayedBack {
  PodSpec pod;
  std::map<std::string, ContainerSpec> containers;
};

Result<PlayedBack> play_back(const Json& document) {
  Choices choices;
  choices.unsupported = Unsupported::ignored;
  auto plan = TRY(plan_kube({"the generated document", dump_json(document)}, {}, choices));
  PlayedBack played;
  for (auto& planned : plan.pods) {
    for (auto& container : planned.containers) played.containers.emplace(container.name, std::move(container.spec));
    played.pod = std::move(planned.spec);
  }
  return played;
}

std::vector<PortMapping> single_ports(const std::vector<PortMapping>& ports) {
  std::vector<PortMapping> singles;
  for (const auto& mapping : ports) {
    for (uint16_t i = 0; i < mapping.range; ++i) {
      singles.push_back({mapping.host_ip, static_cast<uint16_t>(mapping.host_port == 0 ? 0 : mapping.host_port + i),
                         static_cast<uint16_t>(mapping.container_port + i), 1, mapping.protocol});
    }
  }
  return singles;
}

// Differences of pods that are none.
void forgive_pod(PodSpec& written, const PodSpec& wanted, const SourcePod& pod, const GenerateOptions& options) {
  auto& shared = written.shared;
  if (wanted.shared.hostname.empty()) shared.hostname.clear();
  if (single_ports(shared.ports) == single_ports(wanted.shared.ports)) shared.ports = wanted.shared.ports;
  // Members have theirs.
  shared.restart = wanted.shared.restart;
  if (!options.podman_only) written.exit_policy = wanted.exit_policy;
  const auto& networks = wanted.shared.network.networks;
  const bool is_usual = networks.size() == 1 && networks[0].network == options.default_network &&
                        networks[0].ips.empty() && networks[0].mac.empty();
  if (is_usual) shared.network = wanted.shared.network;
  const bool host_ipc = first_spec(pod).ipc.mode == NamespaceChoice::Mode::host;
  if (has_host_pid(pod) || host_ipc) written.share = wanted.share;
  if (has_host_pid(pod)) shared.pid = wanted.shared.pid;
}

// The container as a member of the pod: what the pod has is no loss.
ContainerSpec as_member(const SourceContainer& source, const SourcePod& pod) {
  auto spec = source.spec;
  const ContainerSpec nothing;
  spec.image = source.image.empty() ? spec.image : source.image;
  spec.network = nothing.network;
  spec.ports = nothing.ports;
  spec.publish_all_ports = false;
  spec.hostname = nothing.hostname;
  spec.dns_servers = spec.dns_search = spec.dns_options = nothing.dns_servers;
  spec.add_hosts = nothing.add_hosts;
  spec.sysctls = nothing.sysctls;
  spec.userns = nothing.userns;
  spec.uts = nothing.uts;
  if (spec.pid.mode != NamespaceChoice::Mode::host) spec.pid = nothing.pid;
  if (spec.ipc.mode != NamespaceChoice::Mode::host) spec.ipc = nothing.ipc;
  if (!pod.spec) return spec;
  spec.cgroup_parent = nothing.cgroup_parent;
  spec.no_hosts = spec.no_hosts && !pod.spec->shared.no_hosts;
  spec.no_hostname = spec.no_hostname && !pod.spec->shared.no_hostname;
  return spec;
}

// The pod that a container of its own becomes: what it does not share with anybody is the pod's.
PodSpec pod_around(const ContainerSpec& container, const PodSpec& written) {
  PodSpec spec = written;
  spec.shared.network = container.network;
  spec.shared.userns = container.userns;
  return spec;
}

// Differences that are none: Kubernetes has one way to say it, and ctr another.
void forgive(ContainerSpec& written, const ContainerSpec& wanted) {
  const bool more_labels = std::all_of(wanted.labels.begin(), wanted.labels.end(), [&](const auto& entry) {
    const auto found = written.labels.find(entry.first);
    return (found != written.labels.end() && found->second == entry.second) ||
           entry.first.starts_with("io.containers.");
  });
  if (more_labels) written.labels = wanted.labels;
  if (written.exposed_ports != wanted.exposed_ports) written.exposed_ports = wanted.exposed_ports;
  written.log = wanted.log.driver.empty() ? written.log : wanted.log;
  // It says something of a root that is read-only.
  if (!wanted.read_only && !written.read_only) written.read_only_tmpfs = wanted.read_only_tmpfs;
  if (wanted.restart.policy == RestartSpec::Policy::unless_stopped) written.restart = wanted.restart;
  for (size_t i = 0; i < written.mounts.size() && i < wanted.mounts.size(); ++i) {
    if (written.mounts[i].destination == wanted.mounts[i].destination) written.mounts[i] = wanted.mounts[i];
  }
}

std::string lost_members(const Json& difference) {
  std::vector<std::string> names;
  for (const auto& [key, value] : difference.as_object()) {
    if (key != "shared") names.push_back(key);
  }
  if (const auto* shared = difference.find("shared")) {
    for (const auto& [key, value] : shared->as_object()) names.push_back(key);
  }
  return join(names, ", ");
}

// What Kubernetes cannot say: told, or kept in annotations.
struct Losses {
  const GenerateOptions& options;
  std::map<std::string, std::string>& annotations;
  std::vector<std::string>& warnings;

  void add(const std::string& object, const std::string& annotation, const Json& difference) {
    if (difference.as_object().empty()) return;
    if (options.podman_only) {
      annotations[annotation] = dump_json(difference);
      return;
    }
    warnings.push_back(fmt::format("{}: Kubernetes cannot say {}; --podman-only keeps it in an annotation", object,
                                   lost_members(difference)));
  }
};

// podman's word for it, where hostUsers is not enough.
std::optional<std::string> annotated_userns(const SourcePod& pod) {
  auto words = userns_words(shared_spec(pod).userns);
  return words && !words->empty() && *words != "auto" ? words : std::nullopt;
}

// Volumes that were filled from what a file said are told as it did.
void put_volumes(const Origin& origin, Json& document) {
  Json spec = *document.find("spec");
  const auto* pod_template = spec.find("template");
  Json pod = pod_template == nullptr ? spec : *pod_template->find("spec");
  const auto* volumes = pod.find("volumes");
  if (volumes == nullptr) return;
  Json list = Json::array();
  for (const auto& volume : volumes->as_array()) {
    const auto found = origin.volumes.find(volume.find("name")->as_string());
    const bool is_filled = found != origin.volumes.end() && volume.find("emptyDir") != nullptr;
    list.push(is_filled ? found->second : volume);
  }
  pod.set("volumes", std::move(list));
  if (pod_template != nullptr) {
    Json whole = *pod_template;
    pod = std::move(spec.set("template", std::move(whole.set("spec", std::move(pod)))));
  }
  document.set("spec", std::move(pod));
}

Result<void> check_source(const SourcePod& pod, const GenerateOptions& options) {
  if (pod.containers.empty()) {
    return Error(Errc::invalid, fmt::format("pod '{}' has no containers, which Kubernetes does not allow", pod.name));
  }
  if (options.replicas > 1 && options.kind != GeneratedKind::deployment) {
    return Error(Errc::invalid, "--replicas can only be set when --type is set to deployment");
  }
  const auto has_image = [](const auto& container) { return container.spec.rootfs.empty(); };
  const auto without = std::find_if_not(pod.containers.begin(), pod.containers.end(), has_image);
  if (without == pod.containers.end()) return ok();
  return Error(Errc::unsupported, fmt::format("container '{}' has no image, which Kubernetes needs", without->name));
}

}  // namespace

std::string pod_name_of(const std::string& container) { return container + "-pod"; }

Result<Generated> generate_pod(const SourcePod& pod, const GenerateOptions& options) {
  TRY(check_source(pod, options));
  Generated generated;
  auto annotations = first_spec(pod).annotations;
  if (auto userns = annotated_userns(pod)) annotations[std::string(k_userns_annotation)] = std::move(*userns);
  auto written = TRY(play_back(document_of(pod, {}, annotations)));
  Losses losses{options, annotations, generated.warnings};
  for (const auto& source : pod.containers) {
    const auto name = name_in_pod(source, pod);
    const auto found = written.containers.find(name);
    if (found == written.containers.end()) continue;
    const auto wanted = as_member(source, pod);
    forgive(found->second, wanted);
    losses.add("container " + source.name, std::string(k_spec_annotation) + name,
               spec_difference(wanted, found->second));
  }
  const auto wanted = pod.spec ? *pod.spec : pod_around(first_spec(pod), written.pod);
  forgive_pod(written.pod, wanted, pod, options);
  losses.add("pod " + pod.name, std::string(k_pod_annotation), pod_difference(wanted, written.pod));
  const auto policy = restart_word(pod.containers.back().spec.restart.policy);
  if (const auto word = restart_word_of(pod, options.kind); word != policy) {
    generated.warnings.push_back(fmt::format("pod {}: a {} has the restart policy {}, not {}", pod.name,
                                             words_of(options.kind).kind, word, policy));
  }
  auto document = document_of(pod, options, annotations);
  const auto origin = read_origin(pod.origin);
  for (const auto& one : origin.documents) generated.documents.push_back(one);
  put_volumes(origin, document);
  generated.documents.push_back(std::move(document));
  if (options.service) generated.documents.push_back(service_json(pod));
  return generated;
}

Json generate_claim(const VolumeInfo& volume) {
  std::map<std::string, std::string> annotations;
  if (volume.driver != "local") annotations["volume.podman.io/driver"] = volume.driver;
  for (const auto& [key, value] : volume.options) {
    if (key == "device" || key == "type" || key == "image") annotations["volume.podman.io/" + key] = value;
    if (key == "o") annotations["volume.podman.io/mount-options"] = value;
  }
  if (volume.uid != 0) annotations["volume.podman.io/uid"] = std::to_string(volume.uid);
  if (volume.gid != 0) annotations["volume.podman.io/gid"] = std::to_string(volume.gid);
  Json metadata = Json::object();
  set_if(metadata, "annotations", Json::string_map(annotations));
  set_if(metadata, "labels", Json::string_map(volume.labels));
  metadata.set("name", volume.name);
  Json requests = Json::object().set("storage", "1Gi");
  Json spec = Json::object()
                  .set("accessModes", Json::strings({"ReadWriteOnce"}))
                  .set("resources", Json::object().set("requests", std::move(requests)));
  return Json::object()
      .set("apiVersion", "v1")
      .set("kind", "PersistentVolumeClaim")
      .set("metadata", std::move(metadata))
      .set("spec", std::move(spec));
}

}  // namespace ctr::engine::kube

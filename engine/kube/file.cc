// A file of Kubernetes YAML: its documents by kind.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "engine/kube/plan.h"
#include "engine/kube/reader.h"

namespace ctr::engine::kube {

namespace {

struct Kind {
  std::string_view name;
  std::string_view api;
};
constexpr std::array<Kind, 8> k_kinds = {{{"ConfigMap", "v1"},
                                          {"Secret", "v1"},
                                          {"PersistentVolumeClaim", "v1"},
                                          {"Service", "v1"},
                                          {"Pod", "v1"},
                                          {"Deployment", "apps/v1"},
                                          {"DaemonSet", "apps/v1"},
                                          {"Job", "batch/v1"}}};

struct Document {
  std::string kind;
  const YamlNode* node;
};

Result<Document> document_of(const YamlNode& node, Source& source) {
  auto fields = TRY(Fields::of(node, source, ""));
  const auto kind = TRY(fields.get_text("kind"));
  const auto api = TRY(fields.get_text("apiVersion"));
  const auto* const known =
      std::find_if(k_kinds.begin(), k_kinds.end(), [&](const auto& entry) { return entry.name == kind; });
  if (known == k_kinds.end()) {
    const auto what = fmt::format("'{}' is not supported", printable(kind));
    TRY(fields.unsupported("kind", kind == "StatefulSet" ? what + "; write its pod as a Pod or a Deployment" : what));
    return Document{"", &node};
  }
  if (api != known->api && !api.starts_with("extensions/") && !api.ends_with("beta1")) {
    return fields.wrong("apiVersion", fmt::format("'{}' is not {}, of which {} is", printable(api), known->api, kind));
  }
  return Document{kind, &node};
}

// The documents, and those in a List.
Result<std::vector<Document>> split_documents(const std::vector<YamlNode>& nodes, Source& source) {
  std::vector<Document> documents;
  for (const auto& node : nodes) {
    auto fields = TRY(Fields::of(node, source, ""));
    if (TRY(fields.text_or("kind", "")) != "List") {
      documents.push_back(TRY(document_of(node, source)));
      continue;
    }
    fields.skip({"apiVersion", "metadata"});
    const auto* items = fields.raw("items");
    TRY(fields.finish());
    if (items == nullptr) continue;
    if (items->kind != YamlNode::Kind::list) return fields.wrong("items", "is not a list");
    for (const auto& item : items->items) documents.push_back(TRY(document_of(item, source)));
  }
  return documents;
}

Result<Fields> open_document(const Document& document, Source& source) {
  auto fields = TRY(Fields::of(*document.node, source, ""));
  fields.skip({"apiVersion", "kind", "status"});
  return fields;
}

// What of a Deployment, DaemonSet or Job one machine carries out: its pod.
Result<void> read_controller(Fields& spec, const std::string& kind, PodContext& context) {
  const auto only_one = [&](std::string_view key) -> Result<void> {
    const auto count = TRY(spec.find_integer(key, 0, INT32_MAX));
    if (count && *count != 1) {
      TRY(spec.unsupported(key, fmt::format("{} is not supported: there is one pod", *count)));
    }
    return ok();
  };
  spec.skip({"selector", "revisionHistoryLimit", "minReadySeconds", "progressDeadlineSeconds", "strategy",
             "updateStrategy", "paused"});
  if (kind == "Deployment") {
    // As podman does: files for clusters ask for several as a matter of course.
    const auto replicas = TRY(spec.find_integer("replicas", 0, INT32_MAX));
    if (replicas && *replicas != 1) spec.warn("replicas", fmt::format("one pod is made in place of {}", *replicas));
  }
  if (kind != "Job") return ok();
  TRY(only_one("parallelism"));
  TRY(only_one("completions"));
  spec.skip({"manualSelector", "completionMode", "suspend", "podReplacementPolicy"});
  constexpr int64_t k_usual_retries = 6;  // as in Kubernetes
  context.job_retries =
      static_cast<int>(TRY(spec.find_integer("backoffLimit", 0, INT32_MAX)).value_or(k_usual_retries));
  if (const auto time = TRY(spec.find_integer("activeDeadlineSeconds", 1, k_most_pod_seconds))) {
    context.deadline = std::chrono::seconds(*time);
  }
  return ok();
}

Result<PodPlan> read_pod_document(const Document& document, Objects& objects, Source& source, const Choices& choices) {
  auto fields = TRY(open_document(document, source));
  auto metadata = TRY(read_metadata(fields, NeedsName::yes));
  auto spec = TRY(fields.find_map("spec"));
  TRY(fields.finish());
  if (!spec) return fields.wrong("", "spec is missing");
  PodContext context{choices, objects, source, metadata.name, metadata};
  if (document.kind != "Pod") {
    TRY(read_controller(*spec, document.kind, context));
    auto templ = TRY(spec->find_map("template"));
    TRY(spec->finish());
    if (!templ) return spec->wrong("", "template is missing");
    // The labels are the template's, as are the annotations; those of the whole say nothing of the pod.
    context.metadata = TRY(read_metadata(*templ, NeedsName::no));
    context.pod_name = metadata.name + "-pod";
    spec = TRY(templ->find_map("spec"));
    TRY(templ->finish());
    if (!spec) return templ->wrong("", "spec is missing");
  }
  auto plan = TRY(read_pod(*spec, context));
  plan.kind = document.kind;
  return plan;
}

// Ports of nodes lead to the pods that the service selects. Its name and address are the cluster's.
struct Service {
  std::map<std::string, std::string> selector;
  struct Port {
    uint16_t node = 0, target = 0;
    std::string target_name = {};  // of a port of the pod's containers
    std::string protocol = {};
  };
  std::vector<Port> ports;
};

Result<Service> read_service(Fields& document) {
  Service service;
  (void)TRY(read_metadata(document, NeedsName::yes));
  auto spec = TRY(document.find_map("spec"));
  TRY(document.finish());
  if (!spec) return service;
  service.selector = TRY(spec->text_map("selector"));
  for (auto& port : TRY(spec->maps("ports"))) {
    const auto outside = TRY(port.find_integer("port", 1, 65535));
    const auto node = TRY(port.find_integer("nodePort", 1, 65535));
    const auto target = port.raw("targetPort");
    port.skip({"name", "appProtocol"});
    const auto protocol = to_lower(TRY(port.text_or("protocol", "TCP")));
    TRY(port.finish());
    if (!node || !outside) continue;
    if (protocol != "tcp" && protocol != "udp") return port.wrong("protocol", "is neither TCP nor UDP");
    const auto inside = target != nullptr && target->kind == YamlNode::Kind::integer ? target->integer : *outside;
    if (inside < 1 || inside > 65535) return port.wrong("targetPort", "is no port");
    Service::Port entry{static_cast<uint16_t>(*node), static_cast<uint16_t>(inside), {}, protocol};
    if (target != nullptr && target->kind == YamlNode::Kind::string) entry.target_name = target->text;
    service.ports.push_back(std::move(entry));
  }
  spec->skip({"type", "clusterIP", "clusterIPs", "sessionAffinity", "ipFamilies", "ipFamilyPolicy",
              "internalTrafficPolicy", "externalTrafficPolicy", "allocateLoadBalancerNodePorts"});
  TRY(spec->finish());
  return service;
}

void publish(const Service& service, PodPlan& pod) {
  const auto& labels = pod.spec.shared.labels;
  const bool selected = !service.selector.empty() &&
                        std::all_of(service.selector.begin(), service.selector.end(), [&](const auto& entry) {
                          const auto found = labels.find(entry.first);
                          return found != labels.end() && found->second == entry.second;
                        });
  const auto mode = pod.spec.shared.network.mode;
  if (!selected || mode == NetworkChoice::Mode::host || mode == NetworkChoice::Mode::none) return;
  for (const auto& port : service.ports) {
    const auto named = pod.port_names.find(port.target_name);
    if (!port.target_name.empty() && named == pod.port_names.end()) continue;
    const auto inside = port.target_name.empty() ? port.target : named->second;
    PortMapping mapping{"", port.node, inside, 1, port.protocol};
    auto& ports = pod.spec.shared.ports;
    if (std::find(ports.begin(), ports.end(), mapping) == ports.end()) ports.push_back(std::move(mapping));
  }
}

Result<void> add_config_maps(const InputFile& file, Objects& objects, Source& source) {
  const auto nodes = TRY(parse_yaml(file.text, file.name));
  for (const auto& document : TRY(split_documents(nodes, source))) {
    auto fields = TRY(open_document(document, source));
    if (document.kind != "ConfigMap") return fields.wrong("kind", "only ConfigMaps can be given with --configmap");
    auto object = TRY(read_config_map(fields));
    const auto name = object.name;
    if (objects.config_maps.emplace(name, std::move(object)).second) continue;
    return fields.wrong("", fmt::format("there are two ConfigMaps '{}'", printable(name)));
  }
  return ok();
}

Result<void> read_objects(const std::vector<Document>& documents, Source& source, Objects& objects, Plan& plan) {
  for (const auto& document : documents) {
    auto fields = TRY(open_document(document, source));
    const auto twice = [&](const std::string& name) {
      return fields.wrong("", fmt::format("there are two {}s '{}'", document.kind, printable(name)));
    };
    if (document.kind == "ConfigMap") {
      auto object = TRY(read_config_map(fields));
      const auto name = object.name;
      if (!objects.config_maps.emplace(name, std::move(object)).second) return twice(name);
    } else if (document.kind == "Secret") {
      auto object = TRY(read_secret(fields));
      plan.secrets.push_back({object.name, secret_document(object), object.labels});
      const auto name = object.name;
      if (!objects.secrets.emplace(name, std::move(object)).second) return twice(name);
    } else if (document.kind == "PersistentVolumeClaim") {
      auto claim = TRY(read_claim(fields));
      const auto is_same = [&](const VolumeOptions& other) { return other.name == claim.name; };
      if (std::any_of(plan.claims.begin(), plan.claims.end(), is_same)) return twice(claim.name);
      plan.claims.push_back(std::move(claim));
    }
  }
  return ok();
}

bool is_pod_kind(std::string_view kind) {
  return kind == "Pod" || kind == "Deployment" || kind == "DaemonSet" || kind == "Job";
}

// Two pods, or two containers, of one name.
Result<void> check_names(const std::vector<PodPlan>& pods, const std::string& file) {
  std::set<std::string> names;
  for (const auto& pod : pods) {
    if (!names.insert(pod.spec.name).second) {
      return Error(Errc::invalid, fmt::format("{}: there are two pods '{}'", file, pod.spec.name));
    }
    for (const auto& container : pod.containers) {
      if (names.insert(container.spec.name).second) continue;
      return Error(Errc::invalid, fmt::format("{}the name '{}' is taken by another pod or container of the file",
                                              container.where, container.spec.name));
    }
  }
  return ok();
}

}  // namespace

Result<Plan> plan_kube(const InputFile& file, const std::vector<InputFile>& config_maps, const Choices& choices) {
  Plan plan;
  Objects objects;
  Source source{file.name, choices.unsupported, {}};
  for (const auto& map : config_maps) {
    Source other{map.name, choices.unsupported, {}};
    TRY(add_config_maps(map, objects, other));
    for (auto& warning : other.warnings) plan.warnings.push_back(std::move(warning));
  }
  const auto nodes = TRY(parse_yaml(file.text, file.name));
  const auto documents = TRY(split_documents(nodes, source));
  TRY(read_objects(documents, source, objects, plan));
  for (const auto& document : documents) {
    if (!is_pod_kind(document.kind)) continue;
    plan.pods.push_back(TRY(read_pod_document(document, objects, source, choices)));
  }
  for (const auto& document : documents) {
    if (document.kind != "Service") continue;
    auto fields = TRY(open_document(document, source));
    const auto service = TRY(read_service(fields));
    for (auto& pod : plan.pods) publish(service, pod);
  }
  if (plan.pods.empty() && plan.claims.empty() && plan.secrets.empty()) {
    return Error(Errc::invalid,
                 fmt::format("{}: there is nothing to play: no Pod, Deployment, DaemonSet, Job, Secret or "
                             "PersistentVolumeClaim",
                             file.name));
  }
  if (choices.ports.size() > 0 && plan.pods.size() > 1) {
    return Error(Errc::invalid, "--publish is for files with one pod: which one is meant is not said");
  }
  TRY(check_names(plan.pods, file.name));
  for (auto& warning : source.warnings) {
    const auto& all = plan.warnings;
    if (std::find(all.begin(), all.end(), warning) == all.end()) plan.warnings.push_back(std::move(warning));
  }
  return plan;
}

namespace {

// The volumes that go with a pod are called after it.
Result<void> add_volume_names(Fields& document, const std::string& kind, const std::string& pod,
                              std::vector<std::string>& names) {
  auto spec = TRY(document.find_map("spec"));
  if (spec && kind != "Pod") {
    auto pod_template = TRY(spec->find_map("template"));
    spec = pod_template ? TRY(pod_template->find_map("spec")) : std::nullopt;
  }
  if (!spec) return ok();
  for (auto& volume : TRY(spec->maps("volumes"))) names.push_back(pod + "-" + TRY(volume.text_or("name", "")));
  return ok();
}

}  // namespace

Result<Names> names_in(const InputFile& file) {
  Source source{file.name, Unsupported::ignored, {}};
  Names names;
  const auto nodes = TRY(parse_yaml(file.text, file.name));
  for (const auto& document : TRY(split_documents(nodes, source))) {
    auto fields = TRY(open_document(document, source));
    if (document.kind.empty()) continue;
    const auto metadata = TRY(read_metadata(fields, NeedsName::yes));
    if (document.kind == "Secret") names.secrets.push_back(metadata.name);
    if (document.kind == "PersistentVolumeClaim") names.claims.push_back(metadata.name);
    if (is_pod_kind(document.kind)) {
      names.pods.push_back(document.kind == "Pod" ? metadata.name : metadata.name + "-pod");
      TRY(add_volume_names(fields, document.kind, names.pods.back(), names.volumes));
    }
  }
  return names;
}

}  // namespace ctr::engine::kube

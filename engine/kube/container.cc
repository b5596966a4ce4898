// One container of a pod.
#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "engine/kube/annotations.h"
#include "engine/kube/reader.h"
#include "engine/names.h"

namespace ctr::engine::kube {

namespace {

// An image without a tag, or with "latest", may have changed; what is only here cannot.
PullPolicy usual_policy(const std::string& image) {
  if (image.starts_with("localhost/") || image.find('@') != std::string::npos) return PullPolicy::missing;
  const size_t slash = image.rfind('/');
  const size_t tag = image.find(':', slash == std::string::npos ? 0 : slash);
  if (tag != std::string::npos && image.substr(tag + 1) != "latest") return PullPolicy::missing;
  return PullPolicy::newer;
}

Result<PullPolicy> read_pull_policy(Fields& container, const std::string& image) {
  const auto word = TRY(container.text_or("imagePullPolicy", ""));
  if (word.empty()) return usual_policy(image);
  if (word == "Always") return PullPolicy::always;
  if (word == "IfNotPresent") return PullPolicy::missing;
  if (word == "Never") return PullPolicy::never;
  return container.wrong("imagePullPolicy", "is none of Always, IfNotPresent and Never");
}

Result<std::string> read_protocol(Fields& port) {
  const auto protocol = to_lower(TRY(port.text_or("protocol", "TCP")));
  if (protocol == "tcp" || protocol == "udp") return protocol;
  if (protocol == "sctp") TRY(port.unsupported("protocol", "SCTP is not supported"));
  if (protocol != "sctp") return port.wrong("protocol", "is neither TCP nor UDP");
  return std::string();
}

Result<PortNames> read_ports(Fields& container, const PodContext& context, ContainerSpec& spec,
                             std::vector<PortMapping>& published) {
  PortNames names;
  for (auto& port : TRY(container.maps("ports"))) {
    const auto inside = TRY(port.find_integer("containerPort", 1, 65535));
    const auto outside = TRY(port.find_integer("hostPort", 0, 65535));
    const auto host_ip = TRY(port.text_or("hostIP", ""));
    const auto name = TRY(port.text_or("name", ""));
    const auto protocol = TRY(read_protocol(port));
    TRY(port.finish());
    if (!inside) return port.wrong("", "containerPort is missing");
    const auto number = static_cast<uint16_t>(*inside);
    if (!name.empty()) names[name] = number;
    if (protocol.empty()) continue;
    spec.exposed_ports.push_back({number, 1, protocol});
    const bool all = context.choices.publish_all;
    if (!outside.value_or(0) && !all) continue;
    PortMapping mapping;
    mapping.host_ip = host_ip == "0.0.0.0" ? "" : host_ip;
    mapping.host_port = static_cast<uint16_t>(outside.value_or(0) != 0 ? *outside : *inside);
    mapping.container_port = number;
    mapping.protocol = protocol;
    published.push_back(std::move(mapping));
  }
  return names;
}

Result<void> read_program(Fields& container, PodContext& context, VolumeSources& volumes, ContainerSpec& spec) {
  auto env = TRY(read_env(container, context, spec.resources));
  for (const auto* key : {"command", "args"}) {
    if (!container.has(key)) continue;
    auto words = TRY(container.texts(key));
    for (auto& word : words) word = TRY(expand(container, key, word, env.values));
    if (std::string_view(key) == "command") {
      if (!words.empty()) spec.entrypoint = std::move(words);
    } else {
      spec.command = std::move(words);
    }
  }
  TRY(read_mounts(container, env.values, volumes, spec));
  spec.env = std::move(env.entries);
  spec.working_dir = TRY(container.text_or("workingDir", ""));
  if (!spec.working_dir.empty() && !spec.working_dir.starts_with('/')) {
    return container.wrong("workingDir", "is not absolute");
  }
  spec.terminal = TRY(container.flag_or("tty", false));
  spec.stdin_open = TRY(container.flag_or("stdin", false));
  return ok();
}

Result<void> read_role(Fields& container, const PodContext& context, bool init, ContainerPlan& plan) {
  plan.spec.restart = context.restart;
  if (!init) return ok();
  plan.role = ContainerPlan::Role::init;
  plan.spec.restart = {};
  const auto policy = TRY(container.text_or("restartPolicy", ""));
  if (policy == "Always") {
    plan.role = ContainerPlan::Role::sidecar;
    plan.spec.restart.policy = RestartSpec::Policy::always;
    plan.spec.init_container = k_sidecar;
    return ok();
  }
  if (!policy.empty()) return container.wrong("restartPolicy", "is not Always");
  const auto& annotations = context.metadata.annotations;
  const auto type = annotations.find("io.podman.annotations.init.container.type");
  plan.spec.init_container = type != annotations.end() && type->second == "always" ? "always" : "once";
  return ok();
}

size_t size_of(const std::map<std::string, std::string>& map) {
  size_t bytes = 0;
  for (const auto& [key, value] : map) bytes += key.size() + value.size();
  return bytes;
}

void apply_choices(const PodContext& context, ContainerSpec& spec) {
  const auto& choices = context.choices;
  spec.labels = context.metadata.labels;
  spec.annotations = context.metadata.annotations;
  std::erase_if(spec.annotations, [](const auto& entry) { return is_own_annotation(entry.first); });
  for (const auto& [key, value] : choices.annotations) spec.annotations[key] = value;
  spec.log = choices.log;
  spec.stop_timeout = context.grace_period;
  spec.timeout = context.deadline;
  spec.no_hosts = choices.no_hosts;
  spec.no_hostname = choices.no_hostname;
}

}  // namespace

Result<ContainerPlan> read_container(Fields& container, PodContext& context, VolumeSources& volumes, bool init,
                                     PodSpec& pod) {
  ContainerPlan plan;
  plan.where = container.wrong("", "").message();
  plan.name = TRY(container.get_text("name"));
  plan.spec.name = context.choices.pod_prefix ? context.pod_name + "-" + plan.name : plan.name;
  if (auto good = check_name(plan.spec.name); !good) return container.wrong("name", good.error().message());
  plan.spec.image = TRY(container.get_text("image"));
  plan.pull = TRY(read_pull_policy(container, plan.spec.image));
  TRY(read_role(container, context, init, plan));
  TRY(read_resources(container, plan.spec));
  const auto ports = TRY(read_ports(container, context, plan.spec, pod.shared.ports));
  TRY(read_container_security(container, context, plan));
  TRY(read_program(container, context, volumes, plan.spec));
  TRY(read_probes(container, context, ports, plan));
  container.skip({"terminationMessagePath", "terminationMessagePolicy", "stdinOnce", "resizePolicy"});
  TRY(container.charge("", size_of(context.metadata.labels) + size_of(context.metadata.annotations)));
  apply_choices(context, plan.spec);
  const auto left_out = apply_annotations(context.metadata.annotations, {plan.name, context.siblings}, plan.spec);
  if (!left_out) return container.wrong("", left_out.error().text());
  context.port_names.insert(ports.begin(), ports.end());
  for (const auto& what : *left_out) TRY(container.unsupported("", what));
  context.siblings.emplace(plan.name, plan.spec.name);
  TRY(container.finish());
  return plan;
}

}  // namespace ctr::engine::kube

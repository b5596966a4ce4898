// securityContext of pods and containers.
#include <fmt/format.h>

#include <cstdint>

#include "base/text.h"
#include "engine/caps.h"
#include "engine/kube/reader.h"

namespace ctr::engine::kube {

namespace {

constexpr int64_t k_last_id = UINT32_MAX - 1;

// A path below a directory.
bool stays_below(const std::string& file) {
  const bool leaves = file.empty() || file.starts_with('/') || file == ".." || file.starts_with("../") ||
                      file.find("/../") != std::string::npos || file.ends_with("/..");
  return !leaves;
}

// The words that files had before there was seccompProfile, which podman reads, too; nullopt: nothing is said.
Result<std::optional<std::string>> annotated_seccomp(const Fields& at, const PodContext& context,
                                                     const std::string& container) {
  const auto& annotations = context.metadata.annotations;
  for (const auto& key : {"container.seccomp.security.alpha.kubernetes.io/" + container,
                          std::string("seccomp.security.alpha.kubernetes.io/pod")}) {
    const auto found = annotations.find(key);
    if (found == annotations.end()) continue;
    const auto& word = found->second;
    if (word == "unconfined") return std::optional(word);
    if (word == "runtime/default" || word == "docker/default") return std::optional<std::string>("");
    constexpr std::string_view k_local = "localhost/";
    if (word.starts_with(k_local) && stays_below(word.substr(k_local.size()))) {
      return std::optional(context.choices.seccomp_root + "/" + word.substr(k_local.size()));
    }
    return at.wrong("",
                    fmt::format("the annotation {} has the value '{}', which is not supported", key, printable(word)));
  }
  return std::optional<std::string>();
}

// seccompProfile, in the words of --security-opt seccomp=.
Result<std::optional<std::string>> read_seccomp(Fields& security, const Choices& choices) {
  auto fields = TRY(security.find_map("seccompProfile"));
  if (!fields) return std::optional<std::string>();
  const auto type = TRY(fields->get_text("type"));
  const auto file = TRY(fields->text_or("localhostProfile", ""));
  TRY(fields->finish());
  if (type == "RuntimeDefault") return std::optional<std::string>("");
  if (type == "Unconfined") return std::optional<std::string>("unconfined");
  if (type != "Localhost") return fields->wrong("type", fmt::format("'{}' is not supported", printable(type)));
  if (!stays_below(file)) return fields->wrong("localhostProfile", "is not a path below --seccomp-profile-root");
  return std::optional(choices.seccomp_root + "/" + file);
}

Result<std::optional<std::string>> read_apparmor(Fields& security) {
  auto fields = TRY(security.find_map("appArmorProfile"));
  if (!fields) return std::optional<std::string>();
  const auto type = TRY(fields->get_text("type"));
  const auto name = TRY(fields->text_or("localhostProfile", ""));
  TRY(fields->finish());
  if (type == "RuntimeDefault") return std::optional<std::string>("");
  if (type == "Unconfined") return std::optional<std::string>("unconfined");
  if (type == "Localhost" && !name.empty()) return std::optional(name);
  return fields->wrong("type", fmt::format("'{}' is not supported", printable(type)));
}

// ctr does not label with SELinux: only a type that is not confined can be had.
Result<bool> read_selinux(Fields& security) {
  auto fields = TRY(security.find_map("seLinuxOptions"));
  if (!fields) return false;
  const auto type = TRY(fields->text_or("type", ""));
  if (type != "spc_t" && !type.empty()) TRY(fields->unsupported("type", "ctr does not label with SELinux"));
  TRY(fields->finish());
  return type == "spc_t";
}

Result<void> read_capabilities(Fields& security, SecuritySpec& spec) {
  auto fields = TRY(security.find_map("capabilities"));
  if (!fields) return ok();
  for (const auto* key : {"add", "drop"}) {
    auto& out = std::string_view(key) == "add" ? spec.cap_add : spec.cap_drop;
    for (const auto& word : TRY(fields->texts(key))) {
      auto name = normalise_capability(word);
      if (!name) return fields->wrong(key, name.error().message());
      out.push_back(std::move(*name));
    }
  }
  return fields->finish();
}

}  // namespace

Result<void> read_pod_security(Fields& pod, PodContext& context, PodSpec& spec) {
  auto fields = TRY(pod.find_map("securityContext"));
  if (!fields) return ok();
  context.run_as_user = TRY(fields->find_integer("runAsUser", 0, k_last_id));
  context.run_as_group = TRY(fields->find_integer("runAsGroup", 0, k_last_id));
  context.fs_group = TRY(fields->find_integer("fsGroup", 0, k_last_id));
  context.run_as_non_root = TRY(fields->flag_or("runAsNonRoot", false));
  context.groups = TRY(fields->texts("supplementalGroups"));
  // Volumes are given to the group when they are made.
  fields->skip({"fsGroupChangePolicy"});
  if (auto profile = TRY(read_seccomp(*fields, context.choices))) context.seccomp_profile = std::move(*profile);
  if (auto profile = TRY(read_apparmor(*fields))) context.apparmor_profile = std::move(*profile);
  context.label_disable = TRY(read_selinux(*fields));
  for (auto& entry : TRY(fields->maps("sysctls"))) {
    const auto name = TRY(entry.get_text("name"));
    spec.shared.sysctls[name] = TRY(entry.text_or("value", ""));
    TRY(entry.finish());
  }
  return fields->finish();
}

Result<void> read_container_security(Fields& container, const PodContext& context, ContainerPlan& plan) {
  auto& spec = plan.spec;
  auto user = context.run_as_user;
  auto group = context.run_as_group;
  bool non_root = context.run_as_non_root;
  spec.security.seccomp_profile = context.seccomp_profile;
  if (spec.security.seccomp_profile.empty()) {
    if (auto profile = TRY(annotated_seccomp(container, context, plan.name))) {
      spec.security.seccomp_profile = std::move(*profile);
    }
  }
  spec.security.apparmor_profile = context.apparmor_profile;
  spec.security.label_disable = context.label_disable;
  spec.groups = context.groups;
  if (context.fs_group) spec.groups.push_back(std::to_string(*context.fs_group));
  if (auto fields = TRY(container.find_map("securityContext"))) {
    if (const auto own = TRY(fields->find_integer("runAsUser", 0, k_last_id))) user = own;
    if (const auto own = TRY(fields->find_integer("runAsGroup", 0, k_last_id))) group = own;
    non_root = TRY(fields->flag_or("runAsNonRoot", non_root));
    spec.read_only = TRY(fields->flag_or("readOnlyRootFilesystem", false));
    // A pod says which directories are written to; there is none in memory by itself.
    spec.read_only_tmpfs = false;
    spec.security.privileged = TRY(fields->flag_or("privileged", false));
    spec.security.no_new_privileges = !TRY(fields->flag_or("allowPrivilegeEscalation", true));
    TRY(read_capabilities(*fields, spec.security));
    if (auto profile = TRY(read_seccomp(*fields, context.choices))) spec.security.seccomp_profile = std::move(*profile);
    if (auto profile = TRY(read_apparmor(*fields))) spec.security.apparmor_profile = std::move(*profile);
    if (TRY(read_selinux(*fields))) spec.security.label_disable = true;
    const auto proc = TRY(fields->text_or("procMount", "Default"));
    if (proc == "Unmasked") spec.security.unmask = {"ALL"};
    if (proc != "Default" && proc != "Unmasked") return fields->wrong("procMount", "is neither Default nor Unmasked");
    if (non_root && user && *user == 0) return fields->wrong("", "runAsNonRoot is set, and runAsUser is 0");
    TRY(fields->finish());
  }
  if (group && !user) return container.wrong("", "runAsGroup is set without runAsUser");
  if (user) spec.user = std::to_string(*user);
  if (group) spec.user += ":" + std::to_string(*group);
  if (non_root && user && *user == 0) return container.wrong("", "runAsNonRoot is set, and runAsUser is 0");
  plan.not_root = non_root && !user;
  return ok();
}

}  // namespace ctr::engine::kube

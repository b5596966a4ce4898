#include "engine/kube/annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "base/text.h"
#include "engine/ulimit_words.h"

namespace ctr::engine::kube {

namespace {

// What a file may not carry to another host: it names the call that made the container, files that are written and
// programs that are run there, or other containers.
constexpr std::array<std::string_view, 11> k_not_carried = {
    "name",      "pod",    "create_command", "cid_file",     "pid_file",     "monitor_pid_file",
    "init_path", "notify", "runtime",        "dependencies", "initContainer"};

bool is_carried(std::string_view key) {
  return std::find(k_not_carried.begin(), k_not_carried.end(), key) == k_not_carried.end();
}

// Members of members that are files of the host, too, which are written.
Result<void> check_files(const ContainerSpec& spec) {
  if (spec.log.options.contains("path")) return Error(Errc::invalid, "the annotation cannot set the path of the log");
  const auto& results = spec.health_rules.log_destination;
  if (results.empty() || results == "events_logger") return ok();
  return Error(Errc::invalid, "the annotation cannot set where results of checks go");
}

ContainerSpec without_files(ContainerSpec spec) {
  spec.log.options.erase("path");
  if (spec.health_rules.log_destination != "events_logger") spec.health_rules.log_destination.clear();
  return spec;
}

Result<void> apply_own(const std::string& text, ContainerSpec& spec) {
  const auto changes = TRY(parse_json(text, "the annotation"));
  if (!changes.is_object()) return Error(Errc::invalid, "the annotation is no object");
  Json json = to_json(spec);
  for (const auto& [key, value] : changes.as_object()) {
    if (!is_carried(key)) {
      return Error(Errc::invalid, fmt::format("the annotation cannot set '{}'", printable(key)));
    }
    json.set(key, value);
  }
  auto changed = TRY(container_spec_from_json(JsonReader(json, "the annotation")));
  // What the command line says of the log stands there before.
  if (changed.log != spec.log || changed.health_rules != spec.health_rules) TRY(check_files(changed));
  spec = std::move(changed);
  return ok();
}

// What the annotation of a pod may say. Mounts, devices and the like are its members' by then.
constexpr std::array<std::string_view, 4> k_pod_members = {"share", "share_parent", "infra", "exit_policy"};
constexpr auto k_shared_members = std::to_array<std::string_view>({"network",
                                                                   "ports",
                                                                   "publish_all_ports",
                                                                   "hostname",
                                                                   "dns_servers",
                                                                   "dns_search",
                                                                   "dns_options",
                                                                   "add_hosts",
                                                                   "no_hosts",
                                                                   "hosts_file",
                                                                   "no_hostname",
                                                                   "sysctls",
                                                                   "shm_size_bytes",
                                                                   "systemd_shm_bytes",
                                                                   "pid",
                                                                   "ipc",
                                                                   "uts",
                                                                   "userns",
                                                                   "resources",
                                                                   "cgroup_parent",
                                                                   "restart"});

template <typename Names>
Result<void> set_members(const Json& changes, const Names& names, Json& json) {
  if (!changes.is_object()) return Error(Errc::invalid, "the annotation is no object");
  for (const auto& [key, value] : changes.as_object()) {
    if (std::find(names.begin(), names.end(), key) == names.end()) {
      return Error(Errc::invalid, fmt::format("the annotation cannot set '{}'", printable(key)));
    }
    json.set(key, value);
  }
  return ok();
}

// The members of `to` that are not in `from`. What is there by default is no member: it is said by its absence.
template <typename Filter>
Json difference_of(const Json& to, const Json& from, const Filter& is_meant) {
  Json difference = Json::object();
  for (const auto& [key, value] : to.as_object()) {
    const auto* there = from.find(key);
    if (is_meant(key) && (there == nullptr || *there != value)) difference.set(key, value);
  }
  for (const auto& [key, value] : from.as_object()) {
    if (is_meant(key) && to.find(key) == nullptr) difference.set(key, nullptr);
  }
  return difference;
}

constexpr std::string_view k_podman = "io.podman.annotations.";

// podman's, of one container, behind k_podman.
constexpr auto k_of_container =
    std::to_array<std::string_view>({"init", "autoremove", "pids-limit", "cpuset", "memory-nodes", "volumes-from",
                                     "privileged", "seccomp", "apparmor", "kube.image.volumes.mount"});
// Of these nothing follows: what they tell of is elsewhere in the file, or there is no such thing here.
constexpr auto k_notes = std::to_array<std::string_view>(
    {"cid-file", "label", "publish-all", "infra.name", "kube.health.check", "userns", "ulimit", "init.container.type"});

template <typename Names>
bool is_among(const Names& names, std::string_view word) {
  return std::find(names.begin(), names.end(), word) != names.end();
}

Result<bool> parse_switch(const std::string& key, const std::string& value) {
  const auto word = to_lower(value);
  if (word == "true" || word == "1" || word == "t") return true;
  if (word == "false" || word == "0" || word == "f") return false;
  return Error(Errc::invalid, fmt::format("the annotation {} is neither true nor false", printable(key)));
}

// Containers of the same file are meant by their names there. Source: podman-kube-play(1).
void add_volumes_from(const AnnotatedContainer& container, const std::string& text, ContainerSpec& spec) {
  for (const auto& word : split(text, ';')) {
    const auto pair = split_once(word, ':');
    const auto sibling = container.siblings.find(pair ? pair->first : word);
    const auto name = sibling == container.siblings.end() ? (pair ? pair->first : word) : sibling->second;
    spec.volumes_from.push_back(pair ? name + ":" + pair->second : name);
  }
}

Result<void> apply_podman(std::string_view word, const std::string& key, const std::string& value,
                          const AnnotatedContainer& container, ContainerSpec& spec) {
  auto& security = spec.security;
  if (word == "init") {
    spec.init = TRY(parse_switch(key, value));
  } else if (word == "autoremove") {
    spec.auto_remove = TRY(parse_switch(key, value));
  } else if (word == "privileged") {
    security.privileged = TRY(parse_switch(key, value));
  } else if (word == "pids-limit") {
    spec.resources.pids = TRY(parse_signed(value, key));
  } else if (word == "cpuset") {
    spec.resources.cpuset_cpus = value;
  } else if (word == "memory-nodes") {
    spec.resources.cpuset_mems = value;
  } else if (word == "volumes-from") {
    add_volumes_from(container, value, spec);
  } else if ((word == "seccomp" || word == "apparmor") && value == "unconfined") {
    (word == "seccomp" ? security.seccomp_profile : security.apparmor_profile) = value;
  } else {
    return Error(Errc::unsupported, fmt::format("the annotation {} with the value '{}' is not supported",
                                                printable(key), printable(value)));
  }
  return ok();
}

}  // namespace

bool is_own_annotation(std::string_view key) {
  if (key == k_pod_annotation || key.starts_with(k_spec_annotation)) return true;
  if (!key.starts_with(k_podman)) return false;
  key.remove_prefix(k_podman.size());
  const auto word = key.substr(0, key.find('/'));
  return is_among(k_of_container, word) || is_among(k_notes, word);
}

Result<std::vector<std::string>> apply_annotations(const std::map<std::string, std::string>& annotations,
                                                   const AnnotatedContainer& container, ContainerSpec& spec) {
  std::vector<std::string> left_out;
  if (const auto limits = annotations.find(std::string(k_podman) + "ulimit"); limits != annotations.end()) {
    for (const auto& limit : split(limits->second, ',')) spec.ulimits.push_back(TRY(parse_ulimit(limit)));
  }
  for (const auto& [key, value] : annotations) {
    const auto named = split_once(key, '/');
    if (!named || named->second != container.name) continue;
    const std::string_view prefix = named->first;
    if (prefix.starts_with(k_podman) && is_among(k_of_container, prefix.substr(k_podman.size()))) {
      const auto applied = apply_podman(prefix.substr(k_podman.size()), key, value, container, spec);
      if (!applied && applied.error().code() != Errc::unsupported) return applied.error();
      if (!applied) left_out.push_back(applied.error().message());
    }
  }
  const auto own = annotations.find(std::string(k_spec_annotation) + container.name);
  if (own != annotations.end()) TRY(apply_own(own->second, spec).context(own->first));
  return left_out;
}

Result<void> apply_pod_annotation(const std::map<std::string, std::string>& annotations, PodSpec& spec) {
  const auto found = annotations.find(std::string(k_pod_annotation));
  if (found == annotations.end()) return ok();
  const auto changes = TRY(parse_json(found->second, "the annotation"));
  if (!changes.is_object()) return Error(Errc::invalid, "the annotation is no object");
  Json json = to_json(spec);
  Json shared = *json.find("shared");
  Json own = Json::object();
  for (const auto& [key, value] : changes.as_object()) {
    if (key != "shared") own.set(key, value);
  }
  TRY(set_members(own, k_pod_members, json));
  if (const auto* wanted = changes.find("shared")) TRY(set_members(*wanted, k_shared_members, shared));
  json.set("shared", std::move(shared));
  spec = TRY(pod_spec_from_json(JsonReader(json, "the annotation")));
  return ok();
}

Json spec_difference(const ContainerSpec& wanted, const ContainerSpec& written) {
  return difference_of(to_json(without_files(wanted)), to_json(written), is_carried);
}

Json pod_difference(const PodSpec& wanted, const PodSpec& written) {
  const Json to = to_json(wanted);
  const Json from = to_json(written);
  const auto is_shared = [](const auto& key) { return is_among(k_shared_members, key); };
  Json difference = difference_of(to, from, [](const auto& key) { return is_among(k_pod_members, key); });
  Json shared = difference_of(*to.find("shared"), *from.find("shared"), is_shared);
  if (!shared.as_object().empty()) difference.set("shared", std::move(shared));
  return difference;
}

}  // namespace ctr::engine::kube

#include "engine/kube/annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "base/text.h"

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

}  // namespace

bool is_own_annotation(std::string_view key) {
  return key.starts_with(k_spec_annotation) || key.starts_with("io.podman.annotations.");
}

Result<void> apply_annotations(const std::map<std::string, std::string>& annotations, const std::string& container,
                               ContainerSpec& spec) {
  for (const auto& [key, value] : annotations) {
    const auto named = split_once(key, '/');
    if (!named || named->second != container) continue;
    if (named->first == "io.podman.annotations.init") {
      spec.init = value == "TRUE" || value == "true";
    } else if (named->first == "io.podman.annotations.autoremove") {
      spec.auto_remove = value == "TRUE" || value == "true";
    } else if (named->first == "io.podman.annotations.pids-limit") {
      spec.resources.pids = TRY(parse_signed(value, key));
    } else if (named->first == "io.podman.annotations.cpuset") {
      spec.resources.cpuset_cpus = value;
    } else if (named->first == "io.podman.annotations.memory-nodes") {
      spec.resources.cpuset_mems = value;
    } else if (named->first == "io.podman.annotations.volumes-from") {
      spec.volumes_from.push_back(value);
    } else if (key == std::string(k_spec_annotation) + container) {
      TRY(apply_own(value, spec).context(key));
    }
  }
  return ok();
}

Json spec_difference(const ContainerSpec& wanted, const ContainerSpec& written) {
  Json difference = Json::object();
  const Json from = to_json(written);
  const Json to = to_json(without_files(wanted));
  for (const auto& [key, value] : to.as_object()) {
    const auto* there = from.find(key);
    if (is_carried(key) && (there == nullptr || *there != value)) difference.set(key, value);
  }
  // What is there by default is no member: it is said by its absence.
  for (const auto& [key, value] : from.as_object()) {
    if (is_carried(key) && to.find(key) == nullptr) difference.set(key, nullptr);
  }
  return difference;
}

}  // namespace ctr::engine::kube

// What is stored of pods, and how they are found.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/lock.h"
#include "base/result.h"
#include "engine/core.h"
#include "engine/pods.h"
#include "runtime/idmap.h"
#include "runtime/spec.h"
#include "storage/containers.h"

namespace ctr::engine {

// pod.json in the pod's directory: written once.
struct PodRecord {
  std::string id;  // 64 lower-case hex digits
  std::string name;
  PodSpec spec;
  TimePoint created;
  std::string hostname;
  runtime::IdMap ids;  // of the user namespace, to the host; empty: there is none
  std::string cgroup;  // see choose_pod_cgroup()
  bool operator==(const PodRecord&) const = default;
};
inline constexpr const char* k_pod_file = "pod.json";
inline constexpr int k_pod_schema = 1;
Json to_json(const PodRecord& record);
// Errors: corrupt, unsupported for a later schema.
Result<PodRecord> parse_pod_record(std::string_view document, const std::string& what);
// Errors: not_found when the pod is being removed.
Result<PodRecord> read_pod_record(const Dir& pod_dir);

// origin.json: PodCreateOptions::origin, if there is any.
inline constexpr const char* k_pod_origin_file = "origin.json";
Result<Json> read_pod_origin(const Dir& pod_dir);

// Errors: not_found in podman's words; invalid when the beginning fits several.
Result<storage::ContainerEntry> resolve_pod(Core& core, std::string_view name_or_id);
Result<PodInfo> view_pod(Core& core, const storage::ContainerEntry& entry);
// Sorted by creation.
Result<std::vector<PodInfo>> list_pods(Core& core);
// The storage's form of an id.
Result<storage::ContainerId> storage_id(const PodId& id);

// The namespaces that the pod's monitor makes, of network, ipc, uts and pid: those that members share, unless they are
// the host's or a path.
std::vector<runtime::NamespaceType> held_namespaces(const PodSpec& spec);

// The members that there are, in the order of their ids; names are filled in.
Result<std::vector<storage::ContainerEntry>> member_entries(Core& core, const Dir& pod_dir);
// A container that is being created and belongs to a pod: it counts as a member from here on, unless its directory is
// never there. The pod stays meanwhile. Errors: not_found.
Result<std::optional<FileLock>> enter_pod(Core& core, const storage::ContainerId& member, const std::string& pod);
void leave_pod(Core& core, const storage::ContainerId& member, const std::string& pod);

Event pod_event(std::string_view status, const PodRecord& record);

}  // namespace ctr::engine

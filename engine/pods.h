// Pods: containers that share namespaces. Values, and the verbs on them.
//
// A pod is a directory of the store, as a container is. While it is up, its monitor holds the namespaces that the
// members share; see runtime/pod_monitor.h.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/engine.h"
#include "engine/spec.h"

namespace ctr::engine {

class Core;

struct PodId {
  std::string hex;  // 64 lower-case hex digits
  std::string short_form() const { return hex.substr(0, 12); }
  bool operator==(const PodId&) const = default;
  auto operator<=>(const PodId&) const = default;
};

// A file system in memory that members mount by its name (MountSpec::Type::memory); it lives as long as the pod is up.
struct PodMemory {
  std::string name;
  std::optional<uint64_t> size_bytes;  // absent: as much as the kernel gives
  std::optional<uint32_t> gid;         // whose it is; absent: everybody may write to it
  bool operator==(const PodMemory&) const = default;
};

inline constexpr size_t k_most_memories = 32;  // of one pod

// How a pod is made: the options of `pod create`, or what Kubernetes YAML says.
struct PodSpec {
  enum class ExitPolicy { keep_running, stop };
  std::string name;                                     // empty: one is made up
  std::set<std::string> share = {"ipc", "net", "uts"};  // of "cgroup", "ipc", "net", "pid", "uts"
  bool share_parent = true;                             // the members' cgroups are below the pod's
  bool infra = true;                                    // false: the pod holds no namespaces, and is a group of names
  ExitPolicy exit_policy = ExitPolicy::keep_running;    // what becomes of it when its last member has ended
  std::string infra_name, infra_image, infra_command;   // as asked, for inspect; there is no such container
  std::string monitor_pid_file;                         // --infra-conmon-pidfile
  std::string id_file;                                  // --pod-id-file
  std::vector<PodMemory> memory;
  // What all members have, in the words for containers: labels (of the pod), hostname, network, ports, dns_*,
  // add_hosts, no_hosts, hosts_file, no_hostname, sysctls, shm_size_bytes, userns, pid, uts, mounts, volumes_from,
  // devices, security, resources, cgroup_parent, restart, create_command. The rest stays as it is by default.
  ContainerSpec shared;
  bool operator==(const PodSpec&) const = default;
};
Json to_json(const PodSpec& spec);
Result<PodSpec> pod_spec_from_json(const JsonReader& reader);
std::string_view exit_policy_word(PodSpec::ExitPolicy policy);  // "continue", "stop"
// Errors: invalid.
Result<PodSpec::ExitPolicy> parse_exit_policy(std::string_view word);
// "net,ipc", "none", "", "+pid": the namespaces that are meant. Errors: invalid.
Result<std::set<std::string>> parse_share(std::string_view text);

enum class PodState { created, running, degraded, paused, stopped, exited };
std::string_view state_name(PodState state);  // podman's words: "Created", …

// ContainerSpec::init_container of a member that starts among the init containers and goes on.
inline constexpr std::string_view k_sidecar = "sidecar";

struct PodMember {
  ContainerId id;
  std::string name;
  ContainerState state = ContainerState::created;
  int restart_count = 0;
  std::string init;  // ContainerSpec::init_container
  std::vector<std::string> dependencies;
  TimePoint created;
  bool operator==(const PodMember&) const = default;
};

// The state that the members make, and with infra the pod itself: whether its monitor runs, and whether it ever has.
struct PodOwnState {
  bool infra = true;
  bool running = false;
  bool was_started = false;
};
PodState pod_state(const PodOwnState& own, const std::vector<PodMember>& members);

// The members in the order in which they are started: what another one requires comes before it, else the oldest first.
// They are stopped the other way round.
std::vector<PodMember> start_order(std::vector<PodMember> members);

struct PodInfo {
  PodId id;
  std::string name;
  PodSpec spec;
  TimePoint created;
  std::string hostname;  // that the members show, if they share it
  std::string cgroup;    // of a pod with limits: where those of its members are
  PodState state = PodState::created;
  int monitor_pid = 0;               // 0 unless it is up
  std::vector<PodMember> members;    // sorted by creation
  std::string error;                 // why the last start failed
  std::optional<TimePoint> started;  // of the monitor
};

struct PodCreateOptions {
  bool replace = false;
  bool starts = false;  // at once: ports that are taken are told before anything is made
  Json origin;          // kept with it, for who made it; null: nothing
};

// What a verb on a pod did to its members: one entry for each that failed.
using MemberErrors = std::vector<std::pair<PodMember, Error>>;

struct PodRemoveOptions {
  bool force = false;
  std::optional<std::chrono::seconds> timeout;
};

class PodVerbs {
 public:
  virtual ~PodVerbs() = default;

  // Errors: exists ("name \"p\" is in use: pod already exists"), invalid, unsupported. Nothing is left of a failure.
  virtual Result<PodInfo> create(PodSpec spec, const PodCreateOptions& options) = 0;
  // By name, id or the unique beginning of an id. Errors: not_found, invalid.
  virtual Result<PodInfo> find(const std::string& name_or_id) = 0;
  // All that the filters let through, sorted by creation. Errors: invalid.
  virtual Result<std::vector<PodInfo>> list(const std::vector<ContainerFilter>& filters) = 0;
  // Of all pods by their ids, without looking into them.
  virtual Result<std::map<std::string, std::string>> names() = 0;
  // The monitor, then the members in order; init containers run to their end before the others. Members that run are
  // left alone. Errors of the pod itself; a member that fails is one of the result.
  virtual Result<MemberErrors> start(const PodId& id) = 0;
  virtual Result<MemberErrors> stop(const PodId& id, const StopOptions& options) = 0;
  virtual Result<MemberErrors> restart(const PodId& id, const StopOptions& options) = 0;
  virtual Result<MemberErrors> kill(const PodId& id, int signal) = 0;
  virtual Result<MemberErrors> pause(const PodId& id) = 0;
  virtual Result<MemberErrors> unpause(const PodId& id) = 0;
  // With its members. Errors: bad_state when one runs and `force` is not set: then all stay.
  virtual Result<void> remove(const PodId& id, const PodRemoveOptions& options) = 0;
  // PodCreateOptions::origin. Errors: not_found when the pod is gone.
  virtual Result<Json> origin(const PodId& id) = 0;
  // podman's inspect document, as an object.
  virtual Result<Json> inspect(const PodInfo& info) = 0;
};

// The verbs of an open engine; they live as long as it does.
PodVerbs& pod_verbs(Engine& engine);
// `core` must outlive it.
std::unique_ptr<PodVerbs> make_pod_verbs(Core& core);

}  // namespace ctr::engine

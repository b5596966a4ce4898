// The monitor of a pod: one small process for each pod that is up. It holds the namespaces that the members share and
// keeps their network, and no program runs for it.
//
//   starter (ctr pod start, ctr start)      monitor (`ctr pod-monitor`, own session)
//     posix_spawn, descriptors 3-5 ───────▶  takes pods/<id>/alive
//                                            make_pod_namespaces(), network
//                                            keeps the namespaces at k_first_namespace and above, state.json
//     ◀── answer: started, or the error ───  on descriptor 4
//     joins by /proc/MONITOR/fd/N            respawns what serves the network
//     send_network_order() ───────────────▶  attach.sock in run_dir, of a pod with a network
//     SIGTERM ────────────────────────────▶  stops the network, state.json, alive released
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/result.h"
#include "runtime/cgroup_plan.h"
#include "runtime/host_facts.h"
#include "runtime/monitor.h"
#include "runtime/pod_namespaces.h"
#include "runtime/state.h"

namespace ctr::runtime {

struct PodPlan {
  std::string pod_id;  // 64 hex digits
  std::string name;
  std::string dir;      // absolute path of pods/<id>
  std::string run_dir;  // as LaunchPlan::run_dir: where orders for the network are taken
  PodNamespacesPlan namespaces;
  CgroupPlan cgroup;  // Kind::scope: the monitor's own one; any other: it stays where it was started
  HostFacts host;
  Json engine;            // the engine's own part
  size_t engine_fds = 0;  // and how many descriptors come with it; spawn_pod_monitor() sets it
  bool operator==(const PodPlan&) const = default;
};
Json to_json(const PodPlan& plan);
Result<PodPlan> pod_plan_from_json(const JsonReader& reader);

// ---- The starter's side

// Errors of StartedMonitor::report(): as launch(); bad_state when the pod is up already.
// `engine_fds` are handed to PodHooks::make_network.
Result<StartedMonitor> spawn_pod_monitor(const PodPlan& plan, const std::string& own_binary,
                                         const std::vector<std::string>& env, const std::vector<Fd>& engine_fds = {});

// The namespaces that the monitor of a pod holds, opened while the pod is up. `state` is what its directory says.
// Errors: bad_state when it has ended.
Result<std::vector<std::pair<NamespaceType, Fd>>> open_pod_namespaces(const Dir& pod_dir, const StateRecord& state);

// Ends a monitor and waits; nothing to do when there is none.
Result<void> end_pod_monitor(const Dir& pod_dir, const CancelToken& cancel);

// ---- The monitor's side

struct PodHooks {
  // nullptr: no network work.
  std::function<Result<std::unique_ptr<NetworkSetup>>(const PodPlan&, std::vector<Fd> engine_fds)> make_network;
};

// The whole life of a pod's monitor; the process's exit code.
int run_pod_monitor(const PodHooks& hooks);

}  // namespace ctr::runtime

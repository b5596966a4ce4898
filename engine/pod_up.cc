#include "engine/pod_up.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "engine/container_info.h"
#include "engine/id_maps.h"
#include "engine/launch_record.h"
#include "engine/pid_file.h"
#include "engine/plan_network.h"
#include "engine/pod_cgroup.h"
#include "engine/pod_hosts.h"
#include "engine/ports.h"
#include "engine/prepare.h"
#include "runtime/pod_monitor.h"
#include "runtime/state.h"

namespace ctr::engine {

using runtime::NamespaceType;

namespace {

constexpr const char* k_shm_dir = "shm";
constexpr const char* k_memory_dir = "memory";

bool holds(const PodSpec& spec, NamespaceType type) {
  const auto held = held_namespaces(spec);
  return std::find(held.begin(), held.end(), type) != held.end();
}

bool publishes(const PodSpec& spec) { return holds(spec, NamespaceType::network) && can_publish(spec.shared.network); }

// The files of the network, as a container's that has its settings.
Result<void> write_network_files(Core& core, const Dir& dir, const PodRecord& record) {
  if (!holds(record.spec, NamespaceType::network)) return ok();
  ContainerRecord like;
  like.id = record.id;
  like.name = record.name;
  like.hostname = record.hostname;
  like.spec = record.spec.shared;
  // Members find both, also where there is no name server.
  TRY(dir.write_file("resolv.conf", "", Sync::no, 0644));
  for (const auto& [name, content] : TRY(fresh_files(core, like, {}))) {
    if (name == "containerenv") continue;
    TRY(dir.write_file(name, content, Sync::no, 0644));
  }
  return ok();
}

// Empty: what members of an earlier run have left goes, whoever owns it.
Result<std::string> make_shm_dir(const storage::Store& store, const Dir& dir) {
  if (dir.exists(k_shm_dir)) TRY(store.trash().discard(dir, k_shm_dir));
  TRY(dir.make_dir(k_shm_dir, 0700));
  const Dir made = TRY(dir.open_dir(k_shm_dir));
  // Where the root of a member is a FUSE file system this directory itself is its /dev/shm.
  if (::fchmod(made.fd(), 01777) < 0) return Error::from_errno("make the directory of /dev/shm");
  return made.path();
}

static_assert(k_most_memories == runtime::k_most_pod_memories);

std::vector<std::string> memory_options(const PodMemory& memory) {
  std::vector<std::string> options = {memory.gid ? "mode=2777" : "mode=1777"};
  if (memory.gid) options.push_back(fmt::format("gid={}", *memory.gid));
  if (memory.size_bytes) options.push_back(fmt::format("size={}", *memory.size_bytes));
  return options;
}

// What the pod's network takes, told to the monitor.
Result<Json> network_orders(Core& core, const PodRecord& record, const std::string& dir) {
  const auto& paths = core.options().paths;
  NetworkOwner owner = {record.id, record.name, paths.store, paths.run, {}, {}, {}};
  if (path_exists(dir + "/" + k_pod_hosts_file)) owner.hosts_file = dir + "/" + k_pod_hosts_file;
  owner.own_names = {record.hostname};
  if (record.hostname != record.name) owner.own_names.push_back(record.name);
  owner.host_address = TRY(core.config())->host_containers_internal_ip;
  MonitorOrders orders;
  orders.name = record.name;
  orders.network = TRY(plan_network(record.spec.shared, *TRY(core.host()), owner));
  if (orders.network) orders.network->sight = network::Sight::hidden;
  return to_json(orders);
}

Result<runtime::PodPlan> make_plan(Core& core, const storage::ContainerId& id, const Dir& dir,
                                   const PodRecord& record) {
  const auto* host = TRY(core.host());
  const auto* store = TRY(core.store());
  const auto& shared = record.spec.shared;
  runtime::PodPlan plan;
  plan.pod_id = record.id;
  plan.name = record.name;
  plan.dir = store->pods().path(id);
  plan.run_dir = core.run_dir(record.id);
  plan.cgroup = TRY(plan_monitor_scope(core, record.id, record.spec));
  plan.host = *host;
  auto& namespaces = plan.namespaces;
  namespaces.ids = record.ids;
  if (!keeps_owners(record.ids, host->default_map())) namespaces.outer = host->default_map();
  namespaces.fresh = held_namespaces(record.spec);
  namespaces.hostname = record.hostname;
  namespaces.sysctls = shared.sysctls;
  if (holds(record.spec, NamespaceType::ipc)) {
    namespaces.shm_dir = TRY(make_shm_dir(*store, dir));
    namespaces.shm_bytes = shared.shm_size_bytes.value_or(TRY(core.config())->shm_size_bytes);
  }
  for (const auto& memory : record.spec.memory) {
    namespaces.memory.push_back({plan.dir + "/" + k_memory_dir + "/" + memory.name, memory_options(memory)});
  }
  if (holds(record.spec, NamespaceType::network)) {
    namespaces.sysctls.emplace("net.ipv4.ping_group_range", fmt::format("0 {}", record.ids.last_gid_without_gap()));
    namespaces.sysctls.emplace("net.ipv4.ip_unprivileged_port_start", "0");
    plan.engine = TRY(network_orders(core, record, plan.dir));
  }
  return plan;
}

}  // namespace

Result<bool> needs_monitor(Core& core, const storage::ContainerId& pod) {
  const auto pods = TRY(core.store())->pods();
  if (TRY(pods.is_running(pod))) return false;
  return TRY(read_pod_record(TRY(pods.open(pod)))).spec.infra;
}

Result<void> bring_up(Core& core, const storage::ContainerId& pod) {
  if (!TRY(needs_monitor(core, pod))) return ok();
  const auto pods = TRY(core.store())->pods();
  const auto dir = TRY(pods.open(pod));
  const auto record = TRY(read_pod_record(dir));
  TRY(write_network_files(core, dir, record));
  TRY(make_pod_cgroup(core, record.cgroup, record.spec.shared.resources));
  auto ports = publishes(record.spec) ? record.spec.shared.ports : std::vector<PortMapping>{};
  const auto sockets = TRY(bind_mappings(core, ports));
  const auto plan = TRY(make_plan(core, pod, dir, record));
  const auto pid_file = TRY(PidFile::make(record.spec.monitor_pid_file));
  auto monitor = TRY(runtime::spawn_pod_monitor(plan, "/proc/self/exe", core.helper_env(), sockets));
  auto report = monitor.report(core.cancel());
  if (!report && report.error().code() == Errc::interrupted) {
    if (monitor.report()) TRY(runtime::end_pod_monitor(dir, {}));
    return report.error();
  }
  const auto started = TRY(std::move(report).context("start pod " + record.name));
  auto told = pid_file.write(started.pid);
  if (!told) TRY(runtime::end_pod_monitor(dir, {}));
  return told;
}

Result<void> bring_down(Core& core, const storage::ContainerId& pod) {
  const auto dir = TRY(TRY(core.store())->pods().open(pod));
  TRY(runtime::end_pod_monitor(dir, core.cancel()));
  const auto record = read_pod_record(dir);
  return record ? remove_pod_cgroup(core, record->cgroup) : ok();
}

Result<std::string> pod_memory_dir(Core& core, const std::string& pod) {
  return TRY(core.store())->pods().path(TRY(storage::ContainerId::parse(pod))) + "/" + k_memory_dir;
}

Result<void> make_memory_dirs(const Dir& pod_dir, const PodSpec& spec) {
  if (spec.memory.empty()) return ok();
  TRY(pod_dir.make_dir(k_memory_dir, 0700));
  const Dir dir = TRY(pod_dir.open_dir(k_memory_dir));
  for (const auto& memory : spec.memory) TRY(dir.make_dir(memory.name, 0700));
  return ok();
}

namespace {

// Whether a member runs, is about to run again, or is still to run for the first time.
Result<bool> has_life(Core& core, const Dir& pod_dir) {
  for (const auto& entry : TRY(member_entries(core, pod_dir))) {
    const auto view = view_container(core, entry);
    if (!view) continue;
    const auto state = view->info.state;
    if (state != ContainerState::exited) return true;
    if (view->info.restart_pending) return true;
  }
  return false;
}

Result<void> end_if_idle(Core& core, const std::string& pod) {
  const auto pods = TRY(core.store())->pods();
  const auto id = TRY(storage::ContainerId::parse(pod));
  const auto dir = TRY(pods.open(id));
  const auto record = TRY(read_pod_record(dir));
  if (record.spec.exit_policy != PodSpec::ExitPolicy::stop) return ok();
  const auto lock = TRY(pods.lock(id, LockMode::exclusive, core.cancel()));
  if (!TRY(pods.is_running(id)) || TRY(has_life(core, dir))) return ok();
  TRY(bring_down(core, id));
  core.record_event(pod_event("stop", record));
  return ok();
}

}  // namespace

void end_idle_pod(Core& core, const std::string& pod) {
  end_if_idle(core, pod).ignore("nobody listens to a monitor whose container has ended");
}

}  // namespace ctr::engine

#include "engine/worker.h"

#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/paths.h"
#include "engine/container_info.h"
#include "engine/copy_up.h"
#include "engine/core.h"
#include "engine/diff.h"
#include "engine/exec.h"
#include "engine/health.h"
#include "engine/launch_record.h"
#include "engine/network/private_network.h"
#include "engine/network/proxy/part.h"
#include "engine/pod_up.h"
#include "engine/remove.h"
#include "engine/restart.h"
#include "engine/running_row.h"
#include "engine/side_programs.h"
#include "runtime/monitor.h"
#include "runtime/pod_monitor.h"
#include "runtime/root_copy.h"
#include "storage/running.h"
#include "storage/trash.h"

namespace ctr::engine {

namespace {

Result<EngineOptions> worker_options(char** environment_block) {
  EngineOptions options;
  options.environment = read_environment(environment_block);
  options.uid = geteuid();
  options.gid = getegid();
  options.paths = TRY(find_user_paths(options.environment, options.uid));
  const auto store = environment_value(options.environment, k_store_variable);
  const auto run = environment_value(options.environment, k_run_variable);
  if (!store.empty()) options.paths.store = store;
  if (!run.empty()) options.paths.run = run;
  options.paths.image_store = environment_value(options.environment, k_image_store_variable);
  options.own_binary = "/proc/self/exe";
  options.installed = environment_value(options.environment, k_program_variable);
  return options;
}

// `sockets` are those of the ports of the plan; `id` is the container's or the pod's.
Result<std::unique_ptr<runtime::NetworkSetup>> make_network_of(const EngineOptions& options, const Json& engine,
                                                               const std::string& id, std::string_view type,
                                                               std::vector<Fd> sockets) {
  auto orders = TRY(monitor_orders_from_json(engine));
  if (!orders.network) return std::unique_ptr<runtime::NetworkSetup>{};
  const auto tell = [options, id, type = std::string(type), name = orders.name, image = orders.image](auto helper) {
    Event event = object_event(type, "network-restart", id, name);
    event.image = image;
    event.attributes.emplace("helper", helper);
    Core(options).record_events({std::move(event)});
  };
  return network::make_network_setup(std::move(*orders.network), std::move(sockets), tell);
}

// `passed` gets copies of the sockets that are the service manager's: who has bound them may not be asked for them
// again.
Result<std::unique_ptr<runtime::NetworkSetup>> make_network(const EngineOptions& options,
                                                            const runtime::LaunchPlan& plan, std::vector<Fd>& passed) {
  auto sockets = TRY(runtime::take_engine_fds(plan));
  if (plan.engine.find("passed_ports") != nullptr) {
    for (const uint64_t place : TRY(monitor_orders_from_json(plan.engine)).passed_ports) {
      if (place < sockets.size()) passed.push_back(TRY(sockets[place].duplicate()));
    }
  }
  return make_network_of(options, plan.engine, plan.container_id, "container", std::move(sockets));
}

Result<std::unique_ptr<runtime::NetworkSetup>> make_pod_network(const EngineOptions& options,
                                                                const runtime::PodPlan& plan, std::vector<Fd> sockets) {
  if (plan.engine.find("network") == nullptr) return std::unique_ptr<runtime::NetworkSetup>{};
  return make_network_of(options, plan.engine, plan.pod_id, "pod", std::move(sockets));
}

// What the plan says of the container is older than a change of its name.
void record_end(Core& core, const storage::ContainerEntry& entry, const MonitorOrders& orders,
                const runtime::StateRecord& state) {
  Event died = object_event("container", "died", entry.id.text(), orders.name);
  if (const auto name = current_name(core, entry)) died.name = *name;
  died.image = orders.image;
  died.pod = orders.pod;
  ContainerInfo info;
  if (read_running_row(died.id, running_row(orders.row, state), info)) died.attributes = std::move(info.spec.labels);
  std::vector<Event> events = {died};
  events.front().exit_code = state.exit_code;
  if (!orders.auto_remove || state.restart_pending) {
    died.status = "cleanup";
    events.push_back(std::move(died));
  }
  core.record_events(std::move(events));
}

// Records the end; a container with --rm goes away. Errors have nobody to be told to: what stays is removed by hand.
void end_container(Core& core, const runtime::LaunchPlan& plan, const runtime::StateRecord& state) {
  const auto orders = monitor_orders_from_json(plan.engine);
  if (!orders) return;
  const auto id = storage::ContainerId::parse(plan.container_id);
  if (!id) return;
  if (state.error.empty()) {
    record_end(core, {*id, orders->name}, *orders, state);
  }
  if (!orders->auto_remove || state.restart_pending) return;
  remove_ended(core, *id).ignore("nobody listens to a monitor whose container has ended");
}

bool wants_restart(const runtime::LaunchPlan& plan, const runtime::StateRecord& state) {
  if (plan.engine.find("restart") == nullptr) return false;
  const auto orders = monitor_orders_from_json(plan.engine);
  return orders && wants_restart(orders->restart, state);
}

struct PendingRestart {
  storage::ContainerId id;
  RestartOrder order;
};

Result<PendingRestart> pending_restart(const runtime::LaunchPlan& plan, const runtime::StateRecord& state) {
  const auto orders = TRY(monitor_orders_from_json(plan.engine));
  return PendingRestart{TRY(storage::ContainerId::parse(plan.container_id)), next_restart(plan, orders, state)};
}

Result<storage::RunningRow> show_running(const EngineOptions& options, const runtime::LaunchPlan& plan,
                                         const runtime::StateRecord& state) {
  const auto orders = TRY(monitor_orders_from_json(plan.engine));
  const auto id = TRY(storage::ContainerId::parse(plan.container_id));
  const auto store = TRY(Dir::open(options.paths.store));
  return storage::publish_running(store, id, running_row(orders.row, state));
}

Result<Child> start_root_copy(const Core& core, int client, int init) {
  using Places = runtime::RootCopyDescriptors;
  SpawnOptions options;
  options.program = core.options().own_binary;
  options.argv = {"ctr", std::string(k_root_copy_verb)};
  options.env = core.helper_env();
  options.fds = {{client, Places::k_client}, {init, Places::k_init}};
  options.cwd = "/";
  return spawn(options);
}

// What a monitor takes of both until its container runs.
constexpr size_t k_monitor_heap_bytes = size_t{128} << 10;
constexpr size_t k_monitor_stack_bytes = size_t{40} << 10;

int run_monitor_process(char** environment_block) {
  prefault_heap(k_monitor_heap_bytes);
  prefault_stack(k_monitor_stack_bytes);
  auto options = worker_options(environment_block);
  if (!options) return 1;
  std::optional<Core> core;
  std::optional<storage::RunningRow> row;
  std::optional<PendingRestart> restart;
  std::vector<Fd> passed;
  std::string pod;
  runtime::MonitorHooks hooks;
  hooks.make_network = [&](const runtime::LaunchPlan& plan) { return make_network(*options, plan, passed); };
  hooks.on_started = [&](const runtime::LaunchPlan& plan, const runtime::StateRecord& state) {
    // Without a row, listings look into the container's directory.
    if (auto made = show_running(*options, plan, state)) row.emplace(std::move(*made));
  };
  hooks.wants_restart = [](const auto& plan, const auto& state) { return wants_restart(plan, state); };
  hooks.start_health_check = [&](const runtime::LaunchPlan& plan) {
    const Core starter(*options);
    return start_health_worker(starter, plan.container_id);
  };
  hooks.start_readiness_check = [&](const runtime::LaunchPlan& plan) {
    return start_side_program(Core(*options), k_readiness_verb, plan.container_id);
  };
  hooks.start_post_start = [&](const runtime::LaunchPlan& plan) {
    return start_side_program(Core(*options), k_post_start_verb, plan.container_id);
  };
  hooks.start_root_copy = [&](int client, int init) { return start_root_copy(Core(*options), client, init); };
  hooks.on_exit = [&](const runtime::LaunchPlan& plan, const runtime::StateRecord& state) {
    row.reset();
    core.emplace(*options);
    end_container(*core, plan, state);
    // The pod of an init container goes on.
    if (const auto orders = monitor_orders_from_json(plan.engine); orders && !orders->is_init) pod = orders->pod;
    if (!state.restart_pending) return;
    if (auto pending = pending_restart(plan, state)) restart.emplace(std::move(*pending));
  };
  const int code = runtime::run_monitor(hooks, runtime::real_launcher());
  // The starter has its answer already: giving space back costs it nothing.
  if (restart) {
    core->keep_sockets(std::move(passed));
    restart_later(*core, restart->id, restart->order);
  }
  if (core && !restart && !pod.empty()) end_idle_pod(*core, pod);
  if (core && !restart) reclaim_space(*core);
  return code;
}

int run_pod_monitor_process(char** environment_block) {
  const auto options = worker_options(environment_block);
  if (!options) return 1;
  runtime::PodHooks hooks;
  hooks.make_network = [&](const runtime::PodPlan& plan, std::vector<Fd> sockets) {
    return make_pod_network(*options, plan, std::move(sockets));
  };
  return runtime::run_pod_monitor(hooks);
}

int run_health(std::string_view id, char** environment_block) {
  auto options = worker_options(environment_block);
  if (!options) return static_cast<int>(runtime::CheckEnd::failed);
  Core core(std::move(*options));
  return run_health_worker(core, id);
}

int run_side(std::string_view verb, std::string_view id, char** environment_block) {
  auto options = worker_options(environment_block);
  if (!options) return 1;
  Core core(std::move(*options));
  return run_side_program(core, verb, id);
}

int run_exec(std::string_view first, char** environment_block) {
  auto options = worker_options(environment_block);
  if (!options) return 1;
  Core core(std::move(*options));
  return run_exec_worker(core, first);
}

Result<Dir> open_trash(Core&& core) { return TRY(core.store())->trash().open(); }

int run_reclaim(char** environment_block) {
  auto options = worker_options(environment_block);
  if (!options) return 1;
  const auto store = environment_value(options->environment, k_trash_variable);
  options->paths.image_store.clear();
  if (!store.empty()) options->paths.store = store;
  // The store is not held meanwhile: who wants it alone does not wait for what is deleted already.
  const auto trash = open_trash(Core(*options));
  if (!trash) return 1;
  Core core(std::move(*options));
  return run_reclaim_process(core, *trash);
}

int run_reclaim_mapped() {
  const Dir trash(Fd(3), "trash");
  return storage::reclaim_trash(trash) ? 0 : 1;
}

}  // namespace

std::optional<int> run_worker(std::string_view verb, std::string_view word, char** environment_block) {
  if (verb == k_monitor_verb) return run_monitor_process(environment_block);
  if (verb == k_pod_verb) return run_pod_monitor_process(environment_block);
  if (verb == k_reclaim_verb) return run_reclaim(environment_block);
  if (verb == k_reclaim_mapped_verb) return run_reclaim_mapped();
  if (verb == k_volume_verb) return run_volume_worker();
  if (verb == k_diff_verb) return run_diff_process();
  if (verb == k_exec_verb) return run_exec(word, environment_block);
  if (verb == k_health_verb) return run_health(word, environment_block);
  if (verb == network::k_proxy_verb) return network::run_netproxy();
  if (verb == k_readiness_verb || verb == k_post_start_verb || verb == k_pre_stop_verb) {
    return run_side(verb, word, environment_block);
  }
  if (verb == k_root_copy_verb) return runtime::answer_with_root();
  return std::nullopt;
}

}  // namespace ctr::engine

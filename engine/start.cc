#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/caps.h"
#include "engine/cgroup_choice.h"
#include "engine/dependencies.h"
#include "engine/env.h"
#include "engine/health.h"
#include "engine/join_network.h"
#include "engine/launch_record.h"
#include "engine/lifecycle.h"
#include "engine/live_cgroup.h"
#include "engine/mounted_roots.h"
#include "engine/pid_file.h"
#include "engine/plan_network.h"
#include "engine/pod_join.h"
#include "engine/pods.h"
#include "engine/ports.h"
#include "engine/remove.h"
#include "engine/root_files.h"
#include "engine/running_row.h"
#include "engine/secrets.h"
#include "engine/shared_namespaces.h"
#include "engine/side_programs.h"
#include "engine/user_namespace.h"
#include "engine/volumes.h"
#include "runtime/attach.h"
#include "runtime/console.h"
#include "runtime/container/notify.h"

namespace ctr::engine {

namespace {

// A BPF filter has at most 4096 instructions of 8 bytes (BPF_MAXINSNS, linux/bpf_common.h).
constexpr size_t k_filter_limit_bytes = size_t{4096} * 8;

// What is on disk of a container that is to be started.
struct Stored {
  ContainerRecord record;
  runtime::RuntimeSpec spec;
  LaunchRecord launch;
  std::string seccomp_bpf;
  Accounts missing_accounts;
};

Result<Stored> read_stored(const Dir& dir) {
  Stored stored;
  stored.record = TRY(read_record(dir));
  const auto config_path = dir.path() + "/" + k_config_file;
  stored.spec = TRY(runtime::spec_from_json(TRY(parse_own_json(TRY(dir.read_file(k_config_file)), config_path))));
  stored.launch = TRY(parse_launch_record(TRY(dir.read_file(k_launch_file)), dir.path() + "/" + k_launch_file));
  if (stored.spec.linux_config.seccomp) {
    stored.seccomp_bpf = TRY(dir.read_file(k_filter_file, k_filter_limit_bytes));
  }
  return stored;
}

// The container's account files are looked at anew at every start, since the container may have changed them.
Result<void> refresh_user(Core& core, const Dir& dir, Stored& stored) {
  if (!stored.spec.process) return ok();
  auto identity = TRY(identify(core, stored.record, stored.launch.rootfs, stored.spec.mounts));
  stored.missing_accounts = std::move(identity.missing);
  auto process = *stored.spec.process;
  const bool was_root = process.user.uid == 0;
  set_user(process, identity.user);
  if (const bool is_root = process.user.uid == 0; is_root != was_root && process.capabilities) {
    const auto& security = stored.record.spec.security;
    process.capabilities = TRY(container_capabilities(
        {process.capabilities->bounding, security.cap_add, security.cap_drop, security.privileged, is_root}));
  }
  if (stored.launch.home_follows_user) {
    EnvList env;
    env.set_entries(process.env);
    env.set("HOME", identity.user.home);
    process.env = env.entries();
  }
  if (process == *stored.spec.process) return ok();
  stored.spec.process = std::move(process);
  // What joins the container later reads the user there.
  return dir.write_file(k_config_file, dump_json(to_json(stored.spec)), Sync::yes);
}

// What the root gets before the program starts.
Result<void> add_root_files(Core& core, const Dir& dir, Stored& stored, const std::string& bundle) {
  auto& rootfs = stored.launch.rootfs;
  auto plan = TRY(plan_root_files(core, {stored.record, rootfs, stored.spec.mounts, stored.missing_accounts, bundle}));
  put_files_ahead(rootfs, stored.spec.mounts, bundle, plan);
  for (const auto& [name, content] : plan.files) TRY(dir.write_file(name, content, Sync::no));
  rootfs.edits = std::move(plan.edits);
  return ok();
}

// Only in memory: what is on disk of the container never has them.
void add_variables(Stored& stored, const std::vector<std::string>& variables) {
  if (variables.empty() || !stored.spec.process) return;
  EnvList env;
  env.set_entries(stored.spec.process->env);
  env.set_entries(variables);
  stored.spec.process->env = env.entries();
}

Result<Stored> load(Core& core, const Dir& dir, const CreatedContainer* created) {
  if (created) {
    const auto& prepared = created->prepared;
    return Stored{prepared.record, prepared.spec, prepared.launch, prepared.seccomp_bpf, prepared.missing_accounts};
  }
  auto stored = TRY(read_stored(dir));
  for (const auto& [name, content] : TRY(fresh_files(core, stored.record, stored.launch.rootfs))) {
    TRY(dir.write_file(name, content, Sync::no, 0644));
  }
  TRY(refresh_user(core, dir, stored));
  return stored;
}

// The sockets of its ports. Of a container that this process has created they are there already.
Result<std::vector<Fd>> sockets_for(Core& core, const StartInput& input, Stored& stored) {
  auto& spec = stored.record.spec;
  if (spec.ports.empty() || !can_publish(spec.network)) return std::vector<Fd>{};
  if (!input.created || input.created->sockets.empty()) return bind_mappings(core, spec.ports);
  return std::exchange(input.created->sockets, {});
}

std::optional<runtime::StarterAttach> starter_streams(const StartInput& input) {
  if (!input.attach) return std::nullopt;
  return runtime::StarterAttach{input.attach->stdin_fd >= 0, input.attach->stdout_fd >= 0,
                                input.attach->stderr_fd >= 0};
}

// Who joins the networks, as the container's plan has it so far.
Result<NetworkOwner> network_owner(Core& core, const ContainerRecord& record, const runtime::LaunchPlan& plan) {
  NetworkOwner owner;
  owner.id = record.id;
  owner.name = plan.name;
  owner.store = core.options().paths.store;
  owner.run = core.options().paths.run;
  const auto mode = record.spec.network.mode;
  if (mode != NetworkChoice::Mode::bridge && mode != NetworkChoice::Mode::private_) return owner;
  const auto hosts = plan.bundle + "/hosts";
  if (path_exists(hosts)) owner.hosts_file = hosts;
  const auto resolv = plan.bundle + "/resolv.conf";
  if (path_exists(resolv)) owner.resolv_file = resolv;
  owner.own_names = own_names(record);
  owner.host_address = TRY(core.config())->host_containers_internal_ip;
  return owner;
}

Result<runtime::LaunchPlan> make_plan(Core& core, const StartInput& input, Stored& stored) {
  const auto* host = TRY(core.host());
  const auto& spec = stored.record.spec;
  runtime::LaunchPlan plan;
  plan.container_id = stored.record.id;
  plan.name = TRY(current_name(core, input.entry));
  plan.bundle = TRY(core.store())->containers().path(input.entry.id);
  plan.run_dir = core.run_dir(stored.record.id);
  plan.rootfs = stored.launch.rootfs;
  plan.host = *host;
  plan.cgroup = TRY(choose_cgroup(spec, plan.container_id, *TRY(core.config()), *host));
  plan.seccomp_flags = stored.launch.seccomp_flags;
  plan.init_program = stored.launch.init_program;
  plan.runtime = stored.launch.runtime;
  plan.log = stored.launch.log;
  plan.stdin_open = spec.stdin_open;
  plan.timeout = spec.timeout;
  plan.health = plan_health(stored.record);
  plan.readiness = plan_readiness(spec);
  plan.post_start = !spec.probes.post_start.empty();
  plan.initialize = input.initialize;
  plan.attach = starter_streams(input);
  if (input.attach) {
    if (const auto size = runtime::window_size(input.attach->stdin_fd); size && stored.spec.process) {
      stored.spec.process->console_size = runtime::ConsoleSize{size->rows, size->columns};
    }
  }
  MonitorOrders orders;
  orders.name = plan.name;
  orders.image = stored.record.image_name;
  orders.auto_remove = spec.auto_remove;
  orders.restart = spec.restart;
  orders.pod = spec.pod;
  orders.is_init = !spec.init_container.empty() && spec.init_container != k_sidecar;
  orders.row = row_of_record(stored.record, plan.name);
  orders.network = TRY(plan_network(spec, *host, TRY(network_owner(core, stored.record, plan))));
  if (orders.network && orders.network->proxy) {
    for (const size_t place : passed_ports(core, spec.ports)) orders.passed_ports.push_back(place);
  }
  if (input.restart) {
    plan.restart_count = input.restart->count;
    plan.cgroup = input.restart->cgroup;
    orders.restart_delay = input.restart->delay;
  }
  plan.engine = to_json(orders);
  plan.spec = std::move(stored.spec);
  return plan;
}

// The monitor's word. Whoever is interrupted while it comes finds the program starting all the same: with an attached
// command that passes signals on, the signal waits for the program; otherwise the program is not wanted any more.
Result<runtime::StartReport> await_report(Core& core, const StartInput& input, const Dir& dir,
                                          runtime::StartedMonitor& monitor) {
  auto report = monitor.report(core.cancel());
  if (report || report.error().code() != Errc::interrupted) return report;
  auto late = TRY(monitor.report());
  if (input.attach && input.attach->signal_proxy) return late;
  TRY(runtime::kill_orphan(TRY(runtime::observe(dir)).record));
  return report;
}

Result<void> check_not_paused(const storage::ContainerId& id, const runtime::StateRecord& state) {
  if (!is_paused(state)) return ok();
  return Error(Errc::bad_state, fmt::format("unable to start container \"{0}\": container {0} must be in Created or "
                                            "Stopped state to be started: container state improper",
                                            id.text()))
      .with_hint("the container is paused; `ctr unpause` lets it go on");
}

Result<void> write_pid_files(const Dir& dir, const ContainerSpec& spec, const PidFile& program, const PidFile& monitor,
                             pid_t pid) {
  TRY(program.write(pid));
  if (spec.monitor_pid_file.empty()) return ok();
  const auto state = TRY(runtime::observe(dir)).record;
  return state.monitor ? monitor.write(state.monitor->pid) : ok();
}

// All of a start with one write, when it has happened.
enum class Beginning { fresh, initialized };
void record_start(Core& core, const StartInput& input, const ContainerRecord& record, const std::string& name,
                  Beginning beginning) {
  std::vector<Event> events;
  const auto add = [&](std::string_view status) {
    events.push_back(container_event(status, record));
    events.back().name = name;
  };
  if (input.restart) add("restart");
  if (beginning == Beginning::fresh) add("init");
  if (!input.initialize) add("start");
  if (input.attach) add("attach");
  core.record_events(std::move(events));
}

// What the service manager is to hear from the monitor. The container finds the way to it in memory alone: the next
// start may be by somebody else.
Result<void> add_notify(const Dir& dir, const NotifySpec& notify, runtime::LaunchPlan& plan) {
  if (notify.socket.empty() || notify.mode == NotifySpec::Mode::ignore) return ok();
  auto checked = runtime::check_notify_address(notify.socket);
  if (!checked) return std::move(checked).error().with_hint("--sdnotify ignore starts it without a word");
  runtime::NotifyPlan out = {notify.socket, notify.mode == NotifySpec::Mode::container,
                             notify.mode == NotifySpec::Mode::healthy};
  if (out.relays && plan.spec.process) {
    const auto place = TRY(runtime::notify_place(runtime::k_usual_notify_place, TRY(runtime::make_notify_dir(dir))));
    plan.spec.mounts.push_back(place.mount);
    EnvList env;
    env.set_entries(plan.spec.process->env);
    env.set_entries({place.variable});
    plan.spec.process->env = env.entries();
  }
  plan.notify = std::move(out);
  return ok();
}

// Says who the service is from now on, which only its main process so far can say.
void tell_started(Core& core, const Dir& dir, const NotifySpec& notify) {
  if (notify.socket.empty() || notify.mode == NotifySpec::Mode::ignore) return;
  const auto seen = runtime::observe(dir);
  if (!seen || !seen->record.monitor) return;
  std::string message = fmt::format("MAINPID={}", seen->record.monitor->pid);
  if (notify.mode == NotifySpec::Mode::conmon) message += "\nREADY=1";
  if (const auto told = runtime::tell_manager(notify.socket, message); !told) return core.warn(told.error().text());
  runtime::wait_noticed(notify.socket);
}

struct Started {
  std::optional<runtime::StartedMonitor> monitor;  // none: there was nothing to do
  bool ready_when_healthy = false;
};

Started started_with(runtime::StartedMonitor monitor, const NotifySpec& notify) {
  return {std::optional(std::move(monitor)), notify.mode == NotifySpec::Mode::healthy};
}

// Lets a program start that waits for it, while the caller holds the container's lock.
Result<Started> go_on(Core& core, const StartInput& input, const Dir& dir) {
  if (input.initialize) {
    return Error(Errc::bad_state, fmt::format("container {} has already been created in runtime: container state "
                                              "improper",
                                              input.entry.id.text()));
  }
  const auto run_dir = TRY(Dir::open(core.run_dir(input.entry.id.text())));
  runtime::StartedMonitor monitor(TRY(runtime::ask_start(run_dir, starter_streams(input))));
  const auto report = TRY(await_report(core, input, dir, monitor));
  for (const auto& notice : report.notices) core.warn(notice);
  const auto record = TRY(read_record(dir));
  record_start(core, input, record, TRY(current_name(core, input.entry)), Beginning::initialized);
  tell_started(core, dir, record.spec.notify);
  return started_with(std::move(monitor), record.spec.notify);
}

// Spawns the monitor and waits for its word, while the caller holds the container's lock.
Result<Started> start_locked(Core& core, const StartInput& input) {
  const auto* store = TRY(core.store());
  const auto dir = TRY(store->containers().open(input.entry.id));
  if (!input.created) {
    const auto seen = TRY(runtime::observe(dir));
    if (seen.liveness == runtime::Liveness::running) {
      if (input.restart) return Started{};
      if (seen.record.initialized || input.initialize) return go_on(core, input, dir);
      TRY(check_not_paused(input.entry.id, seen.record));
      return Started{};
    }
    if (input.restart && !is_due(*input.restart, seen.record)) return Started{};
    if (seen.liveness == runtime::Liveness::orphaned) TRY(runtime::kill_orphan(seen.record));
    TRY(check_not_mounted(core, input.entry.id, dir));
  }
  auto stored = TRY(load(core, dir, input.created));
  TRY(prepare_volumes(core, {stored.record, stored.spec, stored.launch.rootfs, input.created != nullptr}));
  TRY(add_root_files(core, dir, stored, store->containers().path(input.entry.id)));
  const auto secrets = TRY(read_secrets(core, stored.record.spec.secrets));
  add_variables(stored, secrets.env);
  const auto sockets = TRY(sockets_for(core, input, stored));
  auto plan = TRY(make_plan(core, input, stored));
  const auto network = TRY(join_network(core, stored.record.spec, plan));
  TRY(add_to_shared_hosts(core, stored.record));
  const auto joined = TRY(join_userns(core, stored.record.spec, plan));
  const auto shared = TRY(join_shared_namespaces(core, dir, stored.record.spec, plan));
  const auto in_pod = TRY(join_pod(core, stored.record.spec, plan));
  plan.secrets = secrets.files;
  TRY(add_notify(dir, stored.record.spec.notify, plan));
  if (plan.health) TRY(reset_health(dir));
  if (plan.readiness) TRY(reset_readiness(dir));
  if (input.created) plan.preserved_fds = input.created->preserved_fds;
  const auto pid_file = TRY(PidFile::make(stored.record.spec.pid_file));
  const auto monitor_pid_file = TRY(PidFile::make(stored.record.spec.monitor_pid_file));
  const runtime::SeccompProgram filter = {std::move(stored.seccomp_bpf), stored.launch.seccomp_flags};
  runtime::MonitorStart start = {plan, "/proc/self/exe", core.helper_env()};
  start.secrets = secrets.bytes;
  start.preserved = plan.preserved_fds;
  for (const auto& socket : sockets) start.for_engine.push_back(socket.get());
  plan.engine_fds = sockets.size();
  if (plan.spec.linux_config.seccomp) start.seccomp = &filter;
  if (plan.log.driver == runtime::LogPlan::Driver::passthrough) start.stdio = {0, 1, 2};
  auto monitor = TRY(runtime::spawn_monitor(start));
  const auto report = TRY(await_report(core, input, dir, monitor));
  for (const auto& notice : report.notices) core.warn(notice);
  if (auto told = write_pid_files(dir, stored.record.spec, pid_file, monitor_pid_file, report.pid); !told) {
    TRY(runtime::kill_orphan(TRY(runtime::observe(dir)).record));
    return std::move(told).error();
  }
  record_start(core, input, stored.record, plan.name, Beginning::fresh);
  if (!input.initialize) tell_started(core, dir, stored.record.spec.notify);
  return started_with(std::move(monitor), stored.record.spec.notify);
}

}  // namespace

Result<runtime::JoinOptions> join_options(Core& core, const AttachOptions& attach) {
  runtime::JoinOptions options;
  options.stdin_fd = attach.stdin_fd;
  options.stdout_fd = attach.stdout_fd;
  options.stderr_fd = attach.stderr_fd;
  options.detach_keys = TRY(runtime::parse_detach_keys(attach.detach_keys.value_or(TRY(core.config())->detach_keys)));
  options.signal_proxy = attach.signal_proxy;
  options.terminal = attach.terminal;
  return options;
}

namespace {

// Whether a program of it runs: one that waits to be started does not.
Result<bool> has_program(const storage::ContainerDirs& containers, const storage::ContainerId& id) {
  if (!TRY(containers.is_running(id))) return false;
  const auto seen = TRY(runtime::observe(TRY(containers.open(id))));
  return seen.liveness == runtime::Liveness::running && !seen.record.initialized;
}

// What the container needs runs before it does.
Result<void> start_dependencies(Core& core, const Needs& needs) {
  const auto containers = TRY(core.store())->containers();
  for (const auto& text : needs.dependencies) {
    const auto id = TRY(storage::ContainerId::parse(text));
    if (TRY(has_program(containers, id))) continue;
    TRY(start_container(core, {.entry = {id, TRY(containers.find_name(id))}})
            .context(fmt::format("start container {}, which is required", text)));
  }
  return ok();
}

// Who only prepares a container starts no other.
Result<void> check_dependencies(Core& core, const StartInput& input, const Needs& needs) {
  const auto containers = TRY(core.store())->containers();
  std::vector<std::string> down;
  for (const auto& text : needs.dependencies) {
    if (!TRY(has_program(containers, TRY(storage::ContainerId::parse(text))))) down.push_back(text);
  }
  if (down.empty()) return ok();
  return Error(Errc::bad_state, fmt::format("some dependencies of container {} are not started: {}: container state "
                                            "improper",
                                            input.entry.id.text(), join(down, ", ")));
}

Result<Needs> needs_of(Core& core, const StartInput& input) {
  if (!input.created) return read_needs(core, input.entry.id);
  const auto& spec = input.created->prepared.record.spec;
  return Needs{spec.dependencies, spec.pod};
}

}  // namespace

Result<std::optional<runtime::StartedMonitor>> start_container(Core& core, const StartInput& input) {
  const auto* store = TRY(core.store());
  auto started = [&]() -> Result<Started> {
    const auto needs = TRY(needs_of(core, input));
    TRY(input.initialize ? check_dependencies(core, input, needs) : start_dependencies(core, needs));
    const auto pod = TRY(hold_pod(core, needs.pod));
    const auto lock = TRY(store->containers().lock(input.entry.id, LockMode::exclusive, core.cancel()));
    return start_locked(core, input);
  }();
  // Who has made it for this start alone finds everything as it was before.
  if (!started && input.created) {
    remove_container(core, input.entry, {.force = true, .volumes = true, .timeout = std::chrono::seconds(0)})
        .ignore("the start's own error is the one to tell");
  }
  auto done = TRY(std::move(started));
  // Who waits for the start of it waits for its health; the policy has nobody who does.
  if (done.ready_when_healthy && !input.attach && !input.restart && !input.initialize) {
    TRY(wait_container(core, input.entry, {"healthy"}, {}));
  }
  return std::move(done.monitor);
}

Result<void> initialize_container(Core& core, const storage::ContainerEntry& entry) {
  TRY(start_container(core, {.entry = entry, .initialize = true}));
  return ok();
}

Result<AttachEnd> run_attached(Core& core, const StartInput& input, const std::function<void()>& on_started) {
  const auto options = TRY(join_options(core, *input.attach));
  auto monitor = TRY(start_container(core, input));
  if (on_started) on_started();
  if (!monitor) return attach_container(core, input.entry, *input.attach);
  const auto end = TRY(runtime::join_container(monitor->take_socket(), options));
  return AttachEnd{end.detached, end.exit_code};
}

Result<AttachEnd> attach_container(Core& core, const storage::ContainerEntry& entry, const AttachOptions& attach) {
  const auto options = TRY(join_options(core, attach));
  const auto run_dir = Dir::open(core.run_dir(entry.id.text()));
  const auto not_running = Error(Errc::bad_state, "you can only attach to running containers: container state improper")
                               .with_hint("`ctr start --attach` starts it and attaches");
  if (!run_dir) return not_running;
  auto socket = runtime::connect_attach(*run_dir, options);
  if (!socket && socket.error().code() == Errc::bad_state) {
    return not_running;
  }
  if (socket) core.record_event(container_event(core, "attach", entry));
  const auto end = TRY(runtime::join_container(TRY(std::move(socket)), options));
  return AttachEnd{end.detached, end.exit_code};
}

}  // namespace ctr::engine

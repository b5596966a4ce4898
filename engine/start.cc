#include <fmt/format.h>

#include "engine/launch_record.h"
#include "engine/lifecycle.h"
#include "engine/network/uplink.h"
#include "engine/remove.h"
#include "engine/secrets.h"
#include "engine/volumes.h"
#include "runtime/console.h"

namespace ctr::engine {

namespace {

// A BPF filter has at most 4096 instructions of 8 bytes (BPF_MAXINSNS, linux/bpf_common.h).
constexpr size_t k_filter_limit_bytes = 4096 * 8;

// What is on disk of a container that is to be started.
struct Stored {
  ContainerRecord record;
  runtime::RuntimeSpec spec;
  LaunchRecord launch;
  std::string seccomp_bpf;
};

Result<Stored> read_stored(const Dir& dir) {
  Stored stored;
  stored.record = TRY(read_record(dir));
  const auto config_path = dir.path() + "/" + k_config_file;
  stored.spec = TRY(runtime::spec_from_json(TRY(parse_json(TRY(dir.read_file(k_config_file)), config_path))));
  stored.launch = TRY(parse_launch_record(TRY(dir.read_file(k_launch_file)), dir.path() + "/" + k_launch_file));
  if (stored.spec.linux_config.seccomp) {
    stored.seccomp_bpf = TRY(dir.read_file(k_filter_file, k_filter_limit_bytes));
  }
  return stored;
}

Result<Stored> load(Core& core, const Dir& dir, const CreatedContainer* created) {
  if (created) {
    const auto& prepared = created->prepared;
    return Stored{prepared.record, prepared.spec, prepared.launch, prepared.seccomp_bpf};
  }
  auto stored = TRY(read_stored(dir));
  for (const auto& [name, content] : TRY(network_files(core, stored.record))) {
    TRY(dir.write_file(name, content, Sync::no, 0644));
  }
  return stored;
}

Result<std::optional<network::NetworkPlan>> plan_network(const ContainerSpec& spec, const runtime::HostFacts& host) {
  std::optional<network::NetworkPlan> plan;
  if (spec.network.mode == NetworkChoice::Mode::none) plan = network::NetworkPlan{};
  if (spec.network.mode == NetworkChoice::Mode::private_) {
    plan = network::NetworkPlan{TRY(network::plan_uplink(spec.network, host))};
  }
  return plan;
}

Result<runtime::LaunchPlan> make_plan(Core& core, const StartInput& input, Stored& stored) {
  const auto* host = TRY(core.host());
  const auto& spec = stored.record.spec;
  runtime::LaunchPlan plan;
  plan.container_id = stored.record.id;
  plan.name = input.entry.name;
  plan.bundle = TRY(core.store())->containers().path(input.entry.id);
  plan.run_dir = core.run_dir(stored.record.id);
  plan.rootfs = stored.launch.rootfs;
  plan.host = *host;
  plan.seccomp_flags = stored.launch.seccomp_flags;
  plan.init_program = stored.launch.init_program;
  plan.log = stored.launch.log;
  plan.stdin_open = spec.stdin_open;
  plan.timeout = spec.timeout;
  if (input.attach) {
    plan.attach =
        runtime::StarterAttach{input.attach->stdin_fd >= 0, input.attach->stdout_fd >= 0, input.attach->stderr_fd >= 0};
    if (const auto size = runtime::window_size(input.attach->stdin_fd); size && stored.spec.process) {
      stored.spec.process->console_size = runtime::ConsoleSize{size->rows, size->columns};
    }
  }
  plan.engine =
      to_json(MonitorOrders{plan.name, stored.record.image_name, spec.auto_remove, TRY(plan_network(spec, *host))});
  plan.spec = std::move(stored.spec);
  return plan;
}

// Spawns the monitor and waits for its word, while the caller holds the container's lock.
Result<std::optional<runtime::StartedMonitor>> start_locked(Core& core, const StartInput& input) {
  const auto* store = TRY(core.store());
  const auto dir = TRY(store->containers().open(input.entry.id));
  if (!input.created) {
    const auto seen = TRY(runtime::observe(dir));
    if (seen.liveness == runtime::Liveness::running) return std::optional<runtime::StartedMonitor>{};
    if (seen.liveness == runtime::Liveness::orphaned) TRY(runtime::kill_orphan(seen.record));
  }
  auto stored = TRY(load(core, dir, input.created));
  TRY(prepare_mounts(core, {stored.record, stored.spec, stored.launch.rootfs, input.created != nullptr}));
  const auto secrets = TRY(read_secrets(core, stored.record.spec.secrets));
  auto& env = stored.spec.process->env;
  env.insert(env.end(), secrets.env.begin(), secrets.env.end());
  auto plan = TRY(make_plan(core, input, stored));
  plan.secrets = secrets.files;
  const runtime::SeccompProgram filter = {std::move(stored.seccomp_bpf), stored.launch.seccomp_flags};
  runtime::MonitorStart start = {plan, core.options().own_binary, core.helper_env()};
  start.secrets = secrets.bytes;
  if (plan.spec.linux_config.seccomp) start.seccomp = &filter;
  if (plan.log.driver == runtime::LogPlan::Driver::passthrough) start.stdio = {0, 1, 2};
  auto monitor = TRY(runtime::spawn_monitor(start));
  const auto report = TRY(monitor.report(core.cancel()));
  for (const auto& notice : report.notices) core.warn(notice);
  core.record_event("container", "start", stored.record.id, plan.name, stored.record.image_name);
  return std::optional<runtime::StartedMonitor>(std::move(monitor));
}

}  // namespace

Result<runtime::JoinOptions> join_options(const AttachOptions& attach) {
  runtime::JoinOptions options;
  options.stdin_fd = attach.stdin_fd;
  options.stdout_fd = attach.stdout_fd;
  options.stderr_fd = attach.stderr_fd;
  options.detach_keys = TRY(runtime::parse_detach_keys(attach.detach_keys));
  options.signal_proxy = attach.signal_proxy;
  options.terminal = attach.terminal;
  return options;
}

Result<std::optional<runtime::StartedMonitor>> start_container(Core& core, const StartInput& input) {
  const auto* store = TRY(core.store());
  auto started = [&]() -> Result<std::optional<runtime::StartedMonitor>> {
    const auto lock = TRY(store->containers().lock(input.entry.id, LockMode::exclusive, core.cancel()));
    return start_locked(core, input);
  }();
  if (started || !input.created) return started;
  if (input.created->info.spec.auto_remove) {
    remove_container(core, input.entry, {}).ignore("the start's own error is the one to tell");
  }
  return started;
}

Result<AttachEnd> run_attached(Core& core, const StartInput& input, const std::function<void()>& on_started) {
  const auto options = TRY(join_options(*input.attach));
  auto monitor = TRY(start_container(core, input));
  if (on_started) on_started();
  if (!monitor) return attach_container(core, input.entry, *input.attach);
  const auto end = TRY(runtime::join_container(monitor->take_socket(), options));
  return AttachEnd{end.detached, end.exit_code};
}

Result<AttachEnd> attach_container(Core& core, const storage::ContainerEntry& entry, const AttachOptions& attach) {
  const auto options = TRY(join_options(attach));
  const auto run_dir = Dir::open(core.run_dir(entry.id.text()));
  if (!run_dir) return Error(Errc::bad_state, "you can only attach to running containers: container state improper");
  auto socket = runtime::connect_attach(*run_dir, options);
  if (!socket && socket.error().code() == Errc::bad_state) {
    return Error(Errc::bad_state, "you can only attach to running containers: container state improper");
  }
  const auto end = TRY(runtime::join_container(TRY(std::move(socket)), options));
  return AttachEnd{end.detached, end.exit_code};
}

}  // namespace ctr::engine

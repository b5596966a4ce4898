#include "runtime/container/create.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/channel.h"
#include "base/lock.h"
#include "runtime/container/descriptor_socket.h"
#include "runtime/container/find_cgroup.h"
#include "runtime/container/hooks.h"
#include "runtime/container/pid_file.h"
#include "runtime/container/remove.h"
#include "runtime/container/status.h"

namespace ctr::runtime {
namespace {

// Source: crun(1).
constexpr const char* k_pidfd_receiver = "run.oci.pidfd_receiver";

// Records the first process as soon as there is one, so that whatever happens to us it can be found.
class Recorder final : public LaunchObserver {
 public:
  Recorder(LockedContainer& container, const CreateRequest& request, const SpecHooks& hooks, const HookOutput& output,
           ContainerCgroup& cgroup)
      : container_(container), request_(request), hooks_(hooks), output_(output), cgroup_(cgroup) {}

  Result<void> on_created(const CreatedProcess& process) override {
    ContainerRecord& record = container_.record;
    record.init = TRY(process_ref(process.pid));
    TRY(cgroup_.adopt(process.pid));
    if (record.rdt) TRY(join_rdt_group(*record.rdt, process.pid));
    record_cgroup(cgroup_, request_.host, &record);
    // From here on poststop hooks are owed, whatever happens.
    record.hooks.poststart = hooks_.poststart;
    record.hooks.poststop = hooks_.poststop;
    // Should we be killed now, the process goes with us: the record is of use for what would be left besides, and for
    // hooks that ask for the state.
    const bool leaves_something = cgroup_.cgroup() != nullptr || record.rdt || !record.hooks.poststop.empty();
    const bool is_asked =
        !hooks_.prestart.empty() || !hooks_.create_runtime.empty() || !hooks_.create_container.empty();
    return leaves_something || is_asked ? write_record(container_.dir, record) : ok();
  }

  Result<void> on_mounted(const CreatedProcess& /*process*/) override {
    const ContainerRecord& record = container_.record;
    HookCall call{.kind = "prestart",
                  .bundle = record.bundle,
                  .state = hook_state(record, ContainerStatus::created),
                  .output = output_};
    TRY(run_hooks(hooks_.prestart, call));
    call.kind = "createRuntime";
    return run_hooks(hooks_.create_runtime, call);
  }

  Result<void> before_exec(const CreatedProcess& process) override {
    container_.record.ready = true;
    container_.record.later = *process.later;
    TRY(write_record(container_.dir, container_.record));
    if (!request_.pid_file.empty()) TRY(write_pid_file(request_.pid_file, process.pid));
    return ok();
  }

 private:
  LockedContainer& container_;
  const CreateRequest& request_;
  const SpecHooks& hooks_;
  const HookOutput& output_;
  ContainerCgroup& cgroup_;
};

// One container in the making: what is made so far goes with this object until commit().
class Creation {
 public:
  Creation(const CreateRequest& request, LockedContainer container)
      : request_(request), container_(std::move(container)) {}
  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;
  ~Creation() {
    if (!container_) return;
    std::vector<std::string> unheard;
    std::vector<std::string>* warnings = request_.warnings != nullptr ? request_.warnings : &unheard;
    discard_container(request_.root, std::move(*container_), warnings).ignore("the first error counts");
  }

  Result<CreatedContainer> run(PreparedBundle& bundle) {
    ContainerRecord& record = container_->record;
    record.oci_version = bundle.config.spec.oci_version;
    record.bundle = bundle.bundle;
    record.rootfs = bundle.rootfs.directory;
    record.created = now();
    record.uid = request_.host.uid;
    record.annotations = bundle.config.spec.annotations;
    record.boot_id = TRY(read_boot_id());
    TRY(container_->dir.write_file(k_config_file, bundle.config_text, Sync::no));
    TRY(connect_sockets(bundle.config.spec));
    output_ = TRY(open_hook_output(record.annotations));
    TRY(open_notify(bundle.config.spec));
    Launched launched = TRY(launch_bundle(bundle));
    TRY(hand_out(launched));
    if (request_.start == CreateRequest::Start::at_once) {
      const HookCall call{.kind = "poststart",
                          .bundle = record.bundle,
                          .state = hook_state(record, ContainerStatus::running),
                          .output = output_};
      TRY(run_hooks(record.hooks.poststart, call));
    }
    CreatedContainer out{
        .container = std::move(*container_), .launched = std::move(launched), .notify = std::move(notify_)};
    container_.reset();
    return out;
  }

 private:
  // Before anything is made: a caller that does not listen gets no container.
  Result<void> connect_sockets(const RuntimeSpec& spec) {
    const SpecProcess& process = *spec.process;
    const bool wanted = !request_.console_socket.empty();
    if (process.terminal && !wanted && request_.terminal == CreateRequest::Terminal::socket) {
      return Error(Errc::invalid, "use --console-socket with --detach when a terminal is used");
    }
    if (wanted && !process.terminal) {
      return Error(Errc::invalid, "--console-socket is for containers with a terminal; process.terminal is false");
    }
    if (wanted) console_ = TRY(connect_descriptor_socket(request_.console_socket));
    if (!request_.pidfd_socket.empty()) pidfds_.push_back(TRY(connect_descriptor_socket(request_.pidfd_socket)));
    if (const auto receiver = spec.annotations.find(k_pidfd_receiver); receiver != spec.annotations.end()) {
      pidfds_.push_back(
          TRY(connect_descriptor_socket(receiver->second).context(fmt::format("annotation {}", k_pidfd_receiver))));
    }
    return ok();
  }

  Result<void> open_notify(RuntimeSpec& spec) {
    if (request_.notify_socket.empty()) return ok();
    const bool added =
        TRY(add_notify_socket(request_.notify_socket, request_.root, container_->dir, request_.host, &spec));
    // A container that is started later has its socket made by who starts it: see start_container().
    if (!added || request_.start == CreateRequest::Start::by_command) return ok();
    notify_ = TRY(NotifyProxy::listen(request_.notify_socket, container_->dir));
    return ok();
  }

  Result<void> hand_out(Launched& launched) {
    if (console_.valid()) {
      TRY(send_descriptor(console_.get(), launched.console_master.get(), "/dev/ptmx"));
      launched.console_master.reset();
    }
    for (const Fd& socket : pidfds_) TRY(send_descriptor(socket.get(), launched.init.pidfd(), "pidfd"));
    return ok();
  }

  Result<Launched> launch_bundle(const PreparedBundle& bundle) {
    const RuntimeSpec& spec = bundle.config.spec;
    const CgroupPlan plan =
        TRY(plan_bundle_cgroup(spec.linux_config.cgroups_path, request_.id, request_.cgroup_manager, request_.host));
    auto cgroup = TRY(prepare_cgroup(plan, spec, request_.host));
    record_cgroup(cgroup, request_.host, &container_->record);
    if (const auto& rdt = spec.linux_config.intel_rdt) {
      container_->record.rdt = TRY(make_rdt_group(TRY(host_resctrl()), *rdt, request_.id));
    }
    TRY(write_record(container_->dir, container_->record));
    auto waiting = TRY(FileLock::try_acquire(container_->dir, k_waiting_lock, LockMode::exclusive));
    if (!waiting) return Error(Errc::in_use, fmt::format("container '{}' is being made by somebody else", request_.id));
    Fd socket;
    if (request_.start == CreateRequest::Start::by_command) {
      socket = TRY(Channel::listen(container_->dir, k_start_socket));
    }
    Recorder recorder(*container_, request_, spec.hooks, output_, cgroup);
    LaunchRequest launch_request{.spec = spec, .rootfs = bundle.rootfs, .host = request_.host};
    launch_request.stdio = {0, 1, 2};
    launch_request.extra_fds = request_.extra_fds;
    launch_request.seccomp = bundle.config.seccomp ? &*bundle.config.seccomp : nullptr;
    launch_request.cgroup_fd = cgroup.clone_fd();
    launch_request.habits = {
        .keyring = request_.keyring, .cpus = ProcessHabits::Cpus::all, .line_feeds = ProcessHabits::LineFeeds::kept};
    launch_request.bundle = bundle.bundle;
    launch_request.root_entry = request_.root_entry;
    launch_request.subject = {
        .id = request_.id, .bundle = bundle.bundle, .status = "creating", .annotations = spec.annotations};
    launch_request.hook_state = split_hook_state(container_->record, ContainerStatus::created);
    launch_request.hook_state.directory = bundle.bundle;
    launch_request.hook_output = output_.numbers();
    launch_request.observer = &recorder;
    launch_request.unattended = plan.kind != CgroupPlan::Kind::process_scope && !container_->record.rdt;
    launch_request.waiting = LaunchRequest::Waiting{.lock_fd = waiting->fd(), .start_socket = socket.get()};
    launch_request.private_fds = {container_->lock.fd()};
    if (notify_) launch_request.private_fds.push_back(notify_->fd());
    return launch(launch_request);
  }

  const CreateRequest& request_;
  std::optional<LockedContainer> container_;
  Fd console_;
  std::vector<Fd> pidfds_;
  HookOutput output_;
  std::optional<NotifyProxy> notify_;
};

}  // namespace

void tell_listening(size_t count, std::optional<int> pid, std::vector<std::string>& env) {
  if (count == 0) return;
  const auto add = [&](std::string_view name, const std::string& value) {
    const auto same = [&](const std::string& other) { return other.starts_with(name); };
    if (std::none_of(env.begin(), env.end(), same)) env.push_back(std::string(name) + value);
  };
  add("LISTEN_FDS=", std::to_string(count));
  if (pid) add("LISTEN_PID=", std::to_string(*pid));
}

Result<CreatedContainer> create_container(const CreateRequest& request) {
  TRY(check_container_id(request.id));
  PreparedBundle bundle = TRY(prepare_bundle(request.bundle, request.config_path, request.root, request.host));
  if (request.guard) TRY(request.guard(bundle.config.spec));
  // The program is the first process of its pid namespace.
  tell_listening(request.listening_fds, 1, bundle.config.spec.process->env);
  Creation creation(request, TRY(request.root.reserve(request.id)));
  return creation.run(bundle);
}

}  // namespace ctr::runtime

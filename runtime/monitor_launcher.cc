// Launcher over launch.h, or over another runtime: the container in its cgroup.
#include <optional>

#include "runtime/container/hooks.h"
#include "runtime/container_cgroup.h"
#include "runtime/foreign_container.h"
#include "runtime/intel_rdt.h"
#include "runtime/monitor.h"

namespace ctr::runtime {

namespace {

// The hooks of the specification outside of the container, and what those inside read. As the user who runs the
// monitor; another runtime reads them in its bundle.
class OuterHooks {
 public:
  explicit OuterHooks(const LaunchPlan& plan) : hooks_(plan.spec.hooks) {
    record_.id = plan.container_id;
    record_.oci_version = plan.spec.oci_version;
    record_.bundle = plan.bundle;
    record_.annotations = plan.spec.annotations;
  }
  HookState inside() const {
    auto state = split_hook_state(record_, ContainerStatus::created);
    state.directory = record_.bundle;
    return state;
  }
  Result<void> on_mounted(pid_t pid) {
    record_.init = TRY(process_ref(pid));
    TRY(run_hooks(hooks_.prestart, call("prestart", ContainerStatus::created)));
    return run_hooks(hooks_.create_runtime, call("createRuntime", ContainerStatus::created));
  }
  Result<void> on_started(pid_t pid) {
    if (hooks_.poststart.empty()) return ok();
    record_.init = TRY(process_ref(pid));
    return run_hooks(hooks_.poststart, call("poststart", ContainerStatus::running));
  }
  // The container is gone whatever they do, and nobody is there to hear of it.
  void on_end() {
    if (!hooks_.poststop.empty()) (void)run_all_hooks(hooks_.poststop, call("poststop", ContainerStatus::stopped));
  }

 private:
  HookCall call(std::string_view kind, ContainerStatus status) const {
    return {.kind = kind, .bundle = record_.bundle, .state = hook_state(record_, status), .output = output_};
  }

  SpecHooks hooks_;
  ContainerRecord record_;
  HookOutput output_;
};

// Puts the first process into its cgroup before anybody else looks at it: of a container that another runtime makes,
// the process that is there before.
class CgroupObserver final : public LaunchObserver {
 public:
  CgroupObserver(ContainerCgroup& cgroup, const std::optional<RdtGroup>& rdt, std::optional<OuterHooks>& hooks,
                 LaunchObserver& next)
      : cgroup_(cgroup), rdt_(rdt), hooks_(hooks), next_(next) {}
  Result<void> on_created(const CreatedProcess& process) override {
    TRY(cgroup_.adopt(process.pid));
    if (rdt_) TRY(join_rdt_group(*rdt_, process.pid));
    return next_.on_created(process);
  }
  Result<void> beside_mounts(const CreatedProcess& process) override { return next_.beside_mounts(process); }
  Result<void> on_mounted(const CreatedProcess& process) override {
    if (hooks_) TRY(hooks_->on_mounted(process.pid));
    return next_.on_mounted(process);
  }
  Result<void> before_exec(const CreatedProcess& process) override { return next_.before_exec(process); }

 private:
  ContainerCgroup& cgroup_;
  const std::optional<RdtGroup>& rdt_;
  std::optional<OuterHooks>& hooks_;
  LaunchObserver& next_;
};

// They are the program's: here they are closed once it has them.
std::vector<Fd> take_preserved(const LaunchPlan& plan) {
  std::vector<Fd> fds;
  for (size_t i = 0; i < plan.preserved_fds.size(); ++i) {
    fds.emplace_back(MonitorDescriptors::k_preserved + static_cast<int>(i));
  }
  return fds;
}

class ContainerLauncher final : public Launcher {
 public:
  Result<Launched> start(const LaunchPlan& plan, const SeccompProgram* seccomp, const std::array<int, 3>& stdio,
                         LaunchObserver& observer) override {
    cgroup_ = TRY(ContainerCgroup::prepare(plan.cgroup, plan.spec, plan.host, Cgroup::Existing::replace));
    // Another runtime reads of it in its bundle.
    if (const auto& rdt = plan.spec.linux_config.intel_rdt; rdt && plan.runtime.empty()) {
      rdt_ = TRY(make_rdt_group(TRY(host_resctrl()), *rdt, plan.container_id));
    }
    if (plan.runtime.empty() && plan.spec.hooks != SpecHooks{}) hooks_.emplace(plan);
    CgroupObserver first(*cgroup_, rdt_, hooks_, observer);
    if (!plan.runtime.empty()) {
      foreign_.emplace(plan, *cgroup_);
      return foreign_->start(plan, stdio, first);
    }
    LaunchRequest request{.spec = plan.spec, .rootfs = plan.rootfs, .host = plan.host};
    request.stdio = stdio;
    request.seccomp = seccomp;
    request.cgroup_fd = cgroup_->clone_fd();
    request.init_program = plan.init_program;
    request.subject = {
        .id = plan.container_id, .bundle = plan.bundle, .status = "creating", .annotations = plan.spec.annotations};
    if (hooks_) request.hook_state = hooks_->inside();
    request.observer = &first;
    request.lifetime = LaunchRequest::Lifetime::with_launcher;
    // A program that cannot be found is told before the wait, not behind it.
    if (plan.initialize) request.waiting = LaunchRequest::Waiting{};
    // Read by the child alone, and gone from here when the program runs.
    const Fd secrets(plan.secrets.empty() ? -1 : MonitorDescriptors::k_secrets);
    request.secrets = plan.secrets;
    request.secrets_fd = secrets.get();
    const auto preserved = take_preserved(plan);
    std::vector<int> fds;
    for (const auto& fd : preserved) fds.push_back(fd.get());
    request.extra_fds = numbered_fds(fds, plan.preserved_fds);
    auto launched = TRY(launch(request));
    if (hooks_) TRY(hooks_->on_started(launched.init.pid()));
    return launched;
  }

  std::string cgroup_path() const override { return cgroup_ ? cgroup_->path() : std::string(); }

  Result<Leftover> clean_up() override {
    // Its words are for nobody any more; what it leaves behind is in the cgroup, or ends with the holder.
    if (foreign_) foreign_->remove().ignore("the container has ended all the same");
    foreign_.reset();
    if (hooks_) hooks_->on_end();
    hooks_.reset();
    if (rdt_) remove_rdt_group(*rdt_).ignore("a group that was there before stays anyway");
    rdt_.reset();
    if (!cgroup_) return Leftover{};
    const bool oom_killed = TRY(cgroup_->clean_up());
    cgroup_.reset();
    return Leftover{.oom_killed = oom_killed};
  }

 private:
  std::optional<ContainerCgroup> cgroup_;
  std::optional<RdtGroup> rdt_;
  std::optional<ForeignContainer> foreign_;
  std::optional<OuterHooks> hooks_;
};

}  // namespace

std::unique_ptr<Launcher> real_launcher() { return std::make_unique<ContainerLauncher>(); }

}  // namespace ctr::runtime

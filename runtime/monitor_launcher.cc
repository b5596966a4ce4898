// Launcher over launch.h: the container in its cgroup.
#include <optional>

#include "runtime/cgroup.h"
#include "runtime/monitor.h"

namespace ctr::runtime {

namespace {

class ContainerLauncher final : public Launcher {
 public:
  Result<Launched> start(const LaunchPlan& plan, const SeccompProgram* seccomp, const std::array<int, 3>& stdio,
                         LaunchObserver& observer) override {
    SpecResources resources = plan.spec.linux_config.resources.value_or(SpecResources());
    cgroup_ = TRY(Cgroup::create(plan.container_id, resources, plan.host));
    LaunchRequest request{.spec = plan.spec, .rootfs = plan.rootfs, .host = plan.host};
    request.stdio = stdio;
    request.seccomp = seccomp;
    request.cgroup_fd = cgroup_ ? cgroup_->fd() : -1;
    request.init_program = plan.init_program;
    request.subject = {
        .id = plan.container_id, .bundle = plan.bundle, .status = "creating", .annotations = plan.spec.annotations};
    request.observer = &observer;
    request.lifetime = LaunchRequest::Lifetime::with_launcher;
    return launch(request);
  }

  std::string cgroup_path() const override { return cgroup_ ? cgroup_->path() : std::string(); }

  Result<Leftover> clean_up() override {
    if (!cgroup_) return Leftover{};
    Leftover leftover{.oom_killed = cgroup_->oom_killed()};
    // With --pid host processes of the container may live on.
    TRY(cgroup_->kill());
    TRY(cgroup_->remove());
    cgroup_.reset();
    return leftover;
  }

 private:
  std::optional<Cgroup> cgroup_;
};

}  // namespace

std::unique_ptr<Launcher> real_launcher() { return std::make_unique<ContainerLauncher>(); }

}  // namespace ctr::runtime

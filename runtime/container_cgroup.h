// The cgroup of a container from before its first process until after its last.
//
//   directory        prepare() makes it; clone3 starts the process in it
//   split            the same, when our own cgroup's processes have moved to `supervisor`
//   scope            prepare() asks systemd for a scope around the monitor, which moves to `monitor` in there; clone3
//                    starts the process in `container` beside it. That one is ours, so that it is still there when the
//                    container has ended and its OOM kills are read
//   process_scope    adopt() asks systemd for a scope around the process, which waits before anything of the container
//                    runs; systemd removes it as soon as it is empty
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/result.h"
#include "runtime/cgroup.h"
#include "runtime/cgroup_plan.h"
#include "runtime/spec.h"

namespace ctr::runtime {

class [[nodiscard]] ContainerCgroup {
 public:
  // Errors: as check_limits(), Cgroup::make(), Cgroup::apply(), start_scope(), set_device_policy(). Nothing is left
  // then.
  static Result<ContainerCgroup> prepare(const CgroupPlan& plan, const RuntimeSpec& spec, const HostFacts& host,
                                         Cgroup::Existing existing, const CancelToken& cancel = {});
  ContainerCgroup(ContainerCgroup&&) noexcept = default;
  ContainerCgroup& operator=(ContainerCgroup&&) noexcept = default;

  // For clone3(CLONE_INTO_CGROUP); -1: the process starts in our own cgroup.
  int clone_fd() const { return cgroup_ ? cgroup_->fd() : -1; }
  // The first process exists, its ids are mapped, and it waits. Errors: as prepare().
  Result<void> adopt(pid_t pid, const CancelToken& cancel = {});
  // The first process has ended: kills what is left (with --pid host others may live on) and removes the cgroup. True
  // when an OOM kill was counted in it.
  Result<bool> clean_up();
  // nullptr: the container has none of its own.
  const Cgroup* cgroup() const { return cgroup_ ? &*cgroup_ : nullptr; }
  // The scope of systemd that the cgroup is itself, not one below it; empty: none.
  std::string unit() const { return unit_; }
  // Below the v2 mount point; empty without one.
  std::string path() const { return cgroup_ ? cgroup_->path() : std::string(); }

 private:
  ContainerCgroup(const CgroupPlan& plan, const RuntimeSpec& spec, const HostFacts& host)
      : plan_(&plan), spec_(&spec), host_(&host) {}
  Result<void> set_up();
  Result<void> start_monitor_scope(const CancelToken& cancel);

  // Used until adopt() has returned.
  const CgroupPlan* plan_;
  const RuntimeSpec* spec_;
  const HostFacts* host_;
  std::optional<Cgroup> cgroup_;
  std::string unit_;
};

// Only root of the host may say which devices exist; for everybody else the kernel's permissions on them hold, and
// nothing is done here. Errors: as set_device_policy().
Result<void> apply_device_rules(const Cgroup& cgroup, const std::vector<SpecDeviceRule>& rules, const HostFacts& host);

// Puts this process into a scope of its own, that of a plan of Kind::scope. Errors: as start_scope(), but for a name
// that is taken.
Result<void> enter_scope(CgroupPlan plan, const std::string& description, const HostFacts& host,
                         const CancelToken& cancel = {});

// A process of ours can be started in the cgroup at `path` only from within a tree that is ours as well: a shell of a
// login session is outside of it. Then systemd is asked to move this process, into a scope of its own. Nothing to do
// in any other case. Errors: as start_scope().
Result<void> come_near(const std::string& path, const HostFacts& host, const CancelToken& cancel = {});

}  // namespace ctr::runtime

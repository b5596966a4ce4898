#include "runtime/container/start.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/channel.h"
#include "runtime/container/hooks.h"
#include "runtime/container/remove.h"
#include "runtime/container/status.h"
#include "runtime/launch.h"

namespace ctr::runtime {

namespace {

bool runs_hooks(const LaterSteps& later) {
  return std::any_of(later.steps.begin(), later.steps.end(),
                     [](const StepWords& step) { return step.kind == ChildOpKind::run_hook; });
}

}  // namespace

Result<void> start_container(const StateRoot& root, const std::string& id, std::vector<std::string>* warnings) {
  LockedContainer container = TRY(root.lock(id));
  const ContainerRecord& record = container.record;
  const ContainerView view = TRY(view_container(container.dir, record));
  if (view.status != ContainerStatus::created) {
    return Error(Errc::bad_state,
                 fmt::format("cannot start container '{}' in the state {}", id, status_name(view.status)));
  }
  const Channel channel = TRY(Channel::connect(container.dir, k_start_socket));
  auto started = start_waiting(channel.fd(), record.later).context(fmt::format("start container '{}'", id));
  // A container with a failed hook is destroyed; one whose program cannot run has stopped.
  const bool destroyed_by_hook = !started && runs_hooks(record.later);
  if (!started && !destroyed_by_hook) return started;
  if (started) {
    started =
        run_hooks(record.hooks.poststart, "poststart", record.bundle, hook_state(record, ContainerStatus::running));
  }
  if (started) return started;
  discard_container(root, std::move(container), warnings).ignore("the first error counts");
  return started;
}

}  // namespace ctr::runtime

#include "runtime/container/start.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/channel.h"
#include "runtime/container/hooks.h"
#include "runtime/container/notify.h"
#include "runtime/container/remove.h"
#include "runtime/container/status.h"
#include "runtime/launch.h"
#include "runtime/seccomp_agent.h"

namespace ctr::runtime {
namespace {

bool runs_hooks(const LaterSteps& later) {
  return std::any_of(later.steps.begin(), later.steps.end(),
                     [](const StepWords& step) { return step.kind == ChildOpKind::run_hook; });
}

// The agent that is to decide about system calls; without it nothing is started.
Result<std::optional<SeccompAgent>> find_agent(const LockedContainer& container) {
  if (!container.record.later.hands_over_listener) return std::optional<SeccompAgent>();
  const RuntimeSpec spec =
      TRY(spec_from_json(TRY(parse_json(TRY(container.dir.read_file(k_config_file)), k_config_file))));
  if (!spec.linux_config.seccomp) return Error(Errc::internal, "the seccomp filter came without its profile");
  return std::optional<SeccompAgent>(TRY(SeccompAgent::connect(*spec.linux_config.seccomp)));
}

Result<void> run_poststart_hooks(const ContainerRecord& record) {
  if (record.hooks.poststart.empty()) return ok();
  const HookOutput output = TRY(open_hook_output(record.annotations));
  const HookCall call{.kind = "poststart",
                      .bundle = record.bundle,
                      .state = hook_state(record, ContainerStatus::running),
                      .output = output};
  return run_hooks(record.hooks.poststart, call);
}

// A start in progress.
struct Start {
  const LockedContainer& container;
  std::optional<SeccompAgent> agent = {};
  bool begun = false;
  bool agent_failed = false;

  Result<void> hand_on(int listener) {
    const ContainerRecord& record = container.record;
    const AgentSubject subject{.id = record.id,
                               .bundle = record.bundle,
                               .status = std::string(status_name(ContainerStatus::created)),
                               .annotations = record.annotations};
    auto sent = std::move(*agent).send(subject, record.init->pid, record.init->pid, listener);
    agent_failed = !sent;
    return sent;
  }

  Result<void> run() {
    agent = TRY(find_agent(container));
    const Channel channel = TRY(Channel::connect(container.dir, k_start_socket));
    begun = true;
    return start_waiting(channel.fd(), container.record.later, [this](int listener) { return hand_on(listener); });
  }
};

Result<std::optional<NotifyProxy>> open_notify(const std::string& socket, const Dir& container_dir) {
  if (socket.empty()) return std::optional<NotifyProxy>();
  auto proxy = NotifyProxy::listen(socket, container_dir);
  if (!proxy && proxy.error().code() == Errc::not_found) return std::optional<NotifyProxy>();
  return std::optional(TRY(std::move(proxy)));
}

// Gives the lock back when the program runs.
Result<void> start_locked(const StateRoot& root, LockedContainer container, std::vector<std::string>* warnings) {
  Start start{.container = container};
  auto started = start.run().context(fmt::format("start container '{}'", container.record.id));
  // A container with a failed hook is destroyed, and so is one that runs without its agent; one whose program cannot
  // run has stopped.
  const bool destroyed = !started && (start.agent_failed || (start.begun && runs_hooks(container.record.later)));
  if (!started && !destroyed) return started;
  if (started) started = run_poststart_hooks(container.record);
  if (started) return started;
  discard_container(root, std::move(container), warnings).ignore("the first error counts");
  return started;
}

}  // namespace

Result<void> start_container(const StateRoot& root, const std::string& id, const std::string& notify_socket,
                             std::vector<std::string>* warnings) {
  LockedContainer container = TRY(root.lock(id));
  const ContainerView view = TRY(view_container(container.dir, container.record));
  if (view.status != ContainerStatus::created) {
    return Error(Errc::bad_state,
                 fmt::format("cannot start container '{}' in the state {}", id, status_name(view.status)));
  }
  const pid_t pid = container.record.init->pid;
  auto notify = TRY(open_notify(notify_socket, container.dir));
  TRY(start_locked(root, std::move(container), warnings));
  if (notify) TRY(notify->wait_ready(pid, view.init.get(), warnings));
  return ok();
}

}  // namespace ctr::runtime

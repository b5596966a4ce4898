#include "runtime/container/remove.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <set>

#include "base/file.h"
#include "base/wait.h"
#include "runtime/container/find_cgroup.h"
#include "runtime/container/hooks.h"
#include "runtime/container/status.h"

namespace ctr::runtime {
namespace {

// A killed process with much memory takes its time; one that takes longer hangs in the kernel.
constexpr std::chrono::seconds k_kill_wait{10};
// systemd needs milliseconds to notice; one that does not answer keeps nobody.
constexpr std::chrono::milliseconds k_scope_wait{2000};
constexpr std::chrono::milliseconds k_scope_pause{5};

Result<void> send_signal(const Fd& process, int number) {
  if (::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) == 0) return ok();
  if (errno == ESRCH) return Error(Errc::bad_state, "container not running");
  return Error::from_errno(fmt::format("send signal {} to the container", number));
}

// Each once; children that are forked meanwhile are caught by the next look, up to a bound.
Result<void> signal_processes(const Cgroup& cgroup, int number) {
  std::set<pid_t> told;
  constexpr int k_rounds = 16;
  for (int round = 0; round < k_rounds; ++round) {
    bool found = false;
    for (const pid_t pid : TRY(cgroup.processes())) {
      if (!told.insert(pid).second) continue;
      found = true;
      const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
      if (!process.valid()) continue;
      auto sent = send_signal(process, number);
      if (!sent && sent.error().code() != Errc::bad_state) return sent;
    }
    if (!found) return ok();
  }
  return ok();
}

// What was there before stays, without what the container made in it. A scope's cgroup is systemd's to remove: it would
// not see that the scope is empty if its directory went first. A new scope can have the name only when the old one is
// gone.
Result<void> give_up_cgroup(const ContainerRecord& record, Cgroup& cgroup) {
  if (record.cgroup_unit.empty()) return record.cgroup_made ? cgroup.remove() : cgroup.remove_children();
  TRY(cgroup.remove_children());
  for (auto waited = k_scope_pause; waited < k_scope_wait && path_exists(record.cgroup_mount + record.cgroup_path);
       waited += k_scope_pause) {
    (void)::poll(nullptr, 0, static_cast<int>(k_scope_pause.count()));
  }
  return ok();
}

// The container is gone whatever they do.
void run_poststop_hooks(const ContainerRecord& record, std::vector<std::string>* warnings) {
  if (record.hooks.poststop.empty()) return;
  HookOutput output;
  if (auto opened = open_hook_output(record.annotations)) {
    output = std::move(*opened);
  } else {
    warnings->push_back(opened.error().text());
  }
  const HookCall call{.kind = "poststop",
                      .bundle = record.bundle,
                      .state = hook_state(record, ContainerStatus::stopped),
                      .output = output};
  for (std::string& failure : run_all_hooks(record.hooks.poststop, call)) warnings->push_back(std::move(failure));
}

}  // namespace

Result<void> signal_container(const StateRoot& root, const std::string& id, int number) {
  const Dir dir = TRY(root.find(id));
  const ContainerView view = TRY(view_container(dir, TRY(read_record(dir))));
  if (!view.init.valid()) return Error(Errc::bad_state, "container not running");
  return send_signal(view.init, number);
}

Result<void> signal_all(const StateRoot& root, const std::string& id, int number) {
  const Dir dir = TRY(root.find(id));
  const ContainerRecord record = TRY(read_record(dir));
  const ContainerView view = TRY(view_container(dir, record));
  if (const auto cgroup = TRY(find_cgroup(record))) {
    return number == SIGKILL ? cgroup->kill() : signal_processes(*cgroup, number);
  }
  if (!view.init.valid()) return ok();
  return send_signal(view.init, number);
}

Result<void> discard_container(const StateRoot& root, LockedContainer container, std::vector<std::string>* warnings) {
  const ContainerView view = TRY(view_container(container.dir, container.record));
  auto cgroup = TRY(find_cgroup(container.record));
  if (cgroup) TRY(cgroup->kill());
  if (view.init.valid()) {
    send_signal(view.init, SIGKILL).ignore("what has ended meanwhile is seen by its descriptor");
    TRY(wait_for(view.init.get(), POLLIN, {}, k_kill_wait).context("wait for the end of the container"));
  }
  if (cgroup) TRY(give_up_cgroup(container.record, *cgroup));
  if (container.record.rdt) TRY(remove_rdt_group(*container.record.rdt));
  const ContainerRecord record = container.record;
  TRY(root.remove(std::move(container)));
  run_poststop_hooks(record, warnings);
  return ok();
}

Result<void> delete_container(const StateRoot& root, const std::string& id, Force force,
                              std::vector<std::string>* warnings) {
  LockedContainer container = TRY(root.lock(id));
  const ContainerView view = TRY(view_container(container.dir, container.record));
  const bool ended = view.status == ContainerStatus::stopped || view.status == ContainerStatus::created;
  if (!ended && force == Force::no) {
    return Error(Errc::bad_state, fmt::format("cannot delete container '{}': it is {}", id, status_name(view.status)))
        .with_hint("stop it first, or use --force");
  }
  return discard_container(root, std::move(container), warnings);
}

}  // namespace ctr::runtime

#include "runtime/container/remove.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "base/wait.h"
#include "runtime/cgroup.h"
#include "runtime/container/hooks.h"
#include "runtime/container/status.h"

namespace ctr::runtime {
namespace {

// A killed process with much memory takes its time; one that takes longer hangs in the kernel.
constexpr std::chrono::seconds k_kill_wait{10};

Result<void> send_signal(const Fd& process, int number) {
  if (::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) == 0) return ok();
  if (errno == ESRCH) return Error(Errc::bad_state, "container not running");
  return Error::from_errno(fmt::format("send signal {} to the container", number));
}

Result<std::optional<Cgroup>> find_cgroup(const ContainerRecord& record, const HostFacts& host) {
  if (record.cgroup_path.empty()) return std::optional<Cgroup>();
  auto cgroup = Cgroup::open(record.cgroup_path, host);
  if (!cgroup && cgroup.error().code() == Errc::not_found) return std::optional<Cgroup>();
  return std::optional(TRY(std::move(cgroup)));
}

}  // namespace

Result<void> signal_container(const StateRoot& root, const std::string& id, int number) {
  const Dir dir = TRY(root.find(id));
  const ContainerView view = TRY(view_container(dir, TRY(read_record(dir))));
  if (!view.init.valid()) return Error(Errc::bad_state, "container not running");
  return send_signal(view.init, number);
}

Result<void> signal_all(const StateRoot& root, const std::string& id, int number, const HostFacts& host) {
  const Dir dir = TRY(root.find(id));
  const ContainerRecord record = TRY(read_record(dir));
  const ContainerView view = TRY(view_container(dir, record));
  if (const auto cgroup = TRY(find_cgroup(record, host)); cgroup && number == SIGKILL) return cgroup->kill();
  if (!view.init.valid()) return ok();
  return send_signal(view.init, number);
}

Result<void> discard_container(const StateRoot& root, LockedContainer container, const HostFacts& host,
                               std::vector<std::string>* warnings) {
  const ContainerView view = TRY(view_container(container.dir, container.record));
  auto cgroup = TRY(find_cgroup(container.record, host));
  if (cgroup) TRY(cgroup->kill());
  if (view.init.valid()) {
    send_signal(view.init, SIGKILL).ignore("what has ended meanwhile is seen by its descriptor");
    TRY(wait_for(view.init.get(), POLLIN, {}, k_kill_wait).context("wait for the end of the container"));
  }
  if (cgroup) TRY(cgroup->remove());
  const ContainerRecord record = container.record;
  TRY(root.remove(std::move(container)));
  const std::string state = hook_state(record, ContainerStatus::stopped);
  for (std::string& failure : run_all_hooks(record.hooks.poststop, "poststop", record.bundle, state)) {
    warnings->push_back(std::move(failure));
  }
  return ok();
}

Result<void> delete_container(const StateRoot& root, const std::string& id, Force force, const HostFacts& host,
                              std::vector<std::string>* warnings) {
  LockedContainer container = TRY(root.lock(id));
  const ContainerView view = TRY(view_container(container.dir, container.record));
  const bool ended = view.status == ContainerStatus::stopped || view.status == ContainerStatus::created;
  if (!ended && force == Force::no) {
    return Error(Errc::bad_state, fmt::format("cannot delete container '{}': it is {}", id, status_name(view.status)))
        .with_hint("stop it first, or use --force");
  }
  return discard_container(root, std::move(container), host, warnings);
}

}  // namespace ctr::runtime

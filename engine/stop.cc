#include <fmt/format.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/signals.h"
#include "base/time.h"
#include "engine/lifecycle.h"
#include "engine/live_cgroup.h"
#include "engine/mounted_roots.h"
#include "engine/restart.h"
#include "engine/side_programs.h"
#include "engine/spec_gen.h"
#include "runtime/signal_fate.h"

namespace ctr::engine {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

Result<void> pause_for(const CancelToken& cancel, milliseconds duration) {
  pollfd entry = {cancel.fd(), POLLIN, 0};
  (void)poll(&entry, cancel.fd() >= 0 ? 1 : 0, static_cast<int>(duration.count()));
  return cancel.check();
}

namespace {

// A killed program needs a moment to be reaped, more so on a loaded machine.
constexpr milliseconds k_kill_patience{10'000};
// After it the signal is sent again: a monitor that has just been started holds its lock, but does not listen yet.
constexpr milliseconds k_kill_step{250};
constexpr milliseconds k_poll_step{20};
// From its start until a program has set up its signals.
constexpr milliseconds k_settling_time{1'000};
constexpr int k_looks = 3;
// After a hook that has taken all of the time.
constexpr std::chrono::seconds k_least_patience{2};

struct Running {
  runtime::StateRecord state;
  runtime::Liveness liveness = runtime::Liveness::never_started;
};

Result<Running> look(Core& core, const storage::ContainerId& id) {
  const auto* store = TRY(core.store());
  const auto dir = TRY(store->containers().open(id));
  auto seen = TRY(runtime::observe(dir));
  return Running{std::move(seen.record), seen.liveness};
}

// Through the monitor; a program that outlived its monitor is signalled directly.
Result<void> signal_program(Core& core, const storage::ContainerId& id, const Running& running, int signal,
                            runtime::SignalPurpose purpose) {
  if (running.liveness == runtime::Liveness::orphaned) {
    if (!running.state.init) return ok();
    const auto pidfd = TRY(runtime::open_process(*running.state.init));
    if (syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) != 0 && errno != ESRCH) {
      return Error::from_errno(fmt::format("send signal {}", signal));
    }
    return ok();
  }
  return runtime::send_signal(TRY(Dir::open(core.run_dir(id.text()))), signal, purpose);
}

// A monitor that has just gone is no failure: its container has ended.
Result<void> stop_by_signal(Core& core, const storage::ContainerId& id, const Running& running, int signal) {
  auto sent = signal_program(core, id, running, signal, runtime::SignalPurpose::stop);
  if (sent || sent.error().code() == Errc::bad_state || sent.error().code() == Errc::not_found) return ok();
  return sent;
}

// Whether the program would never hear of the signal, looked at several times. One that has just been started is given
// the time to say that it wants to.
Result<bool> is_out_of_reach(Core& core, const runtime::StateRecord& state, int signal) {
  if (!state.init || !state.started) return false;
  for (int looks = 1; runtime::process_drops_signal(state.init->pid, signal); ++looks) {
    if (looks >= k_looks && now() - *state.started >= k_settling_time) return true;
    TRY(pause_for(core.cancel(), k_poll_step));
  }
  return false;
}

// A frozen process dies of it, too.
Result<void> end_program(Core& core, const storage::ContainerId& id, const Running& running) {
  if (running.liveness == runtime::Liveness::orphaned) return runtime::kill_orphan(running.state);
  const auto deadline = steady_clock::now() + k_kill_patience;
  while (true) {
    TRY(stop_by_signal(core, id, running, SIGKILL));
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
    auto ended = wait_until_ended(core, id, std::min(left, k_kill_step));
    if (ended || ended.error().code() != Errc::timed_out || left <= k_kill_step) return ended;
  }
}

}  // namespace

Result<void> wait_until_ended(Core& core, const storage::ContainerId& id, std::optional<milliseconds> timeout) {
  const auto deadline = steady_clock::now() + timeout.value_or(milliseconds(0));
  while (true) {
    auto running = look(core, id);
    if (!running && running.error().code() == Errc::not_found) return ok();
    const auto liveness = TRY(std::move(running)).liveness;
    if (liveness != runtime::Liveness::running && liveness != runtime::Liveness::orphaned) return ok();
    auto step = k_poll_step;
    if (timeout) {
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
      if (left <= milliseconds(0)) return Error(Errc::timed_out, "the container still runs");
      step = left;
    }
    if (liveness == runtime::Liveness::running) {
      if (const auto run_dir = Dir::open(core.run_dir(id.text()))) {
        const auto limit = timeout ? std::optional(step) : std::nullopt;
        auto ended = runtime::wait_for_exit(*run_dir, core.cancel(), limit);
        if (!ended && ended.error().code() != Errc::timed_out) return std::move(ended).error();
        if (ended && *ended) return ok();
        if (!ended) continue;
      }
    }
    TRY(pause_for(core.cancel(), std::min(step, k_poll_step)));
  }
}

namespace {

bool is_up(runtime::Liveness liveness) {
  return liveness == runtime::Liveness::running || liveness == runtime::Liveness::orphaned;
}

// Runs what is to be run before the stop; what is left of `timeout` for the program.
Result<std::chrono::seconds> run_hook(Core& core, const ContainerRecord& record, std::chrono::seconds timeout) {
  if (timeout.count() <= 0 || record.spec.probes.pre_stop.empty()) return timeout;
  const auto begin = steady_clock::now();
  TRY(run_pre_stop(core, record, timeout));
  // The hook and the program have the time together; a program that is asked at all has a moment.
  const auto taken = std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - begin);
  return std::max(timeout - taken, k_least_patience);
}

Result<void> stop_running(Core& core, const storage::ContainerId& id, const Running& running,
                          const ContainerRecord& record, const StopOptions& options) {
  // A program that has not started hears nothing.
  if (running.state.initialized) return end_program(core, id, running);
  if (is_paused(running.state)) {
    return Error(Errc::bad_state, fmt::format("can only stop created or running containers. {} is in state paused: "
                                              "container state improper",
                                              id.text()))
        .with_hint("`ctr unpause` lets it go on; `ctr kill` ends it as it is");
  }
  const auto timeout =
      TRY(run_hook(core, record, options.timeout.value_or(std::chrono::seconds(record.stop_timeout_seconds))));
  if (timeout.count() > 0 && !TRY(is_out_of_reach(core, running.state, record.stop_signal))) {
    TRY(stop_by_signal(core, id, running, record.stop_signal));
    auto ended = wait_until_ended(core, id, std::chrono::duration_cast<milliseconds>(timeout));
    if (ended || ended.error().code() != Errc::timed_out) return ended;
    core.warn(fmt::format("StopSignal {} failed to stop container {} in {} seconds, resorting to SIGKILL",
                          signal_name(record.stop_signal), record.name, timeout.count()));
  }
  return end_program(core, id, running);
}

bool may_come_back(const ContainerSpec& spec) {
  return spec.restart.policy != RestartSpec::Policy::no || has_health_check(spec);
}

}  // namespace

Result<std::optional<steady_clock::time_point>> ask_to_stop(Core& core, const storage::ContainerEntry& entry,
                                                            const StopOptions& options) {
  const std::optional<steady_clock::time_point> nothing;
  const auto running = TRY(look(core, entry.id));
  if (!is_up(running.liveness) || running.state.initialized || is_paused(running.state)) return nothing;
  const auto record = TRY(read_record(TRY(TRY(core.store())->containers().open(entry.id))));
  const auto timeout =
      TRY(run_hook(core, record, options.timeout.value_or(std::chrono::seconds(record.stop_timeout_seconds))));
  if (timeout.count() <= 0 || TRY(is_out_of_reach(core, running.state, record.stop_signal))) return nothing;
  TRY(stop_by_signal(core, entry.id, running, record.stop_signal));
  return std::optional(steady_clock::now() + timeout);
}

Result<void> stop_container(Core& core, const storage::ContainerEntry& entry, const StopOptions& options) {
  // Once, unless the program ends by itself at this moment and is started again.
  for (bool stopped = false;; stopped = true) {
    const auto running = look(core, entry.id);
    if (!running && running.error().code() == Errc::not_found && stopped) return ok();
    if (!running) return running.error();
    if (!is_up(running->liveness)) {
      if (!running->state.restart_pending || TRY(cancel_restart(core, entry.id))) return ok();
      continue;
    }
    const auto record = TRY(read_record(TRY(TRY(core.store())->containers().open(entry.id))));
    TRY(stop_running(core, entry.id, *running, record, options));
    core.record_event(container_event("stop", record));
    if (!may_come_back(record.spec)) return ok();
  }
}

Result<void> restart_container(Core& core, const storage::ContainerEntry& entry, const StopOptions& options) {
  const auto seen = TRY(look(core, entry.id));
  if (seen.liveness == runtime::Liveness::running && is_paused(seen.state)) {
    return Error(Errc::bad_state,
                 "unable to restart a container in a paused or unknown state: container state improper")
        .with_hint("`ctr unpause` lets it go on");
  }
  // A container that cannot be started again had better go on.
  TRY(check_no_mount_seen(core, entry.id, TRY(TRY(core.store())->containers().open(entry.id))));
  core.record_event(container_event(core, "restart", entry));
  if (!seen.state.initialized) TRY(stop_container(core, entry, options));
  TRY(start_container(core, {.entry = entry}));
  return ok();
}

Result<void> end_idle_container(Core& core, const storage::ContainerEntry& entry, ContainerState state) {
  const auto running = TRY(look(core, entry.id));
  // Somebody has started it since.
  if (state == ContainerState::initialized && !running.state.initialized) return ok();
  return is_up(running.liveness) ? end_program(core, entry.id, running) : ok();
}

Result<void> kill_container(Core& core, const storage::ContainerEntry& entry, int signal) {
  auto running = TRY(look(core, entry.id));
  // Between two runs there is nobody to signal, but a next run to be prevented.
  if (running.state.restart_pending && signal == SIGKILL) {
    if (TRY(cancel_restart(core, entry.id))) return ok();
    running = TRY(look(core, entry.id));
  }
  if (!is_up(running.liveness) || running.state.initialized) {
    const bool created = running.liveness == runtime::Liveness::never_started;
    const char* state = running.state.initialized ? "initialized" : created ? "created" : "exited";
    return Error(Errc::bad_state, fmt::format("can only kill running containers. {} is in state {}: container state "
                                              "improper",
                                              entry.id.text(), state));
  }
  TRY(signal_program(core, entry.id, running, signal, runtime::SignalPurpose::any));
  core.record_event(container_event(core, "kill", entry));
  return ok();
}

}  // namespace ctr::engine

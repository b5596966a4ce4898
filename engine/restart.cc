#include "engine/restart.h"

#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <ctime>

#include "engine/container_info.h"
#include "engine/lifecycle.h"
#include "engine/remove.h"

namespace ctr::engine {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds k_first_delay{100};
constexpr milliseconds k_longest_delay{60'000};
// A program that has run for so long was started well.
constexpr std::chrono::seconds k_good_run{10};

// SIGTERM has been held back since the monitor's start, so that one from then ends the process here, too.
void wait_or_terminate(milliseconds duration) {
  sigset_t set = {};
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  (void)sigprocmask(SIG_UNBLOCK, &set, nullptr);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  timespec left = {seconds.count(), std::chrono::nanoseconds(duration - seconds).count()};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

}  // namespace

bool wants_restart(const RestartSpec& restart, const runtime::StateRecord& state) {
  switch (restart.policy) {
    case RestartSpec::Policy::no:
      return false;
    case RestartSpec::Policy::on_failure:
      return state.exit_code != 0 && (restart.most_retries == 0 || state.restart_count < restart.most_retries);
    case RestartSpec::Policy::always:
    case RestartSpec::Policy::unless_stopped:
      return true;
  }
  return false;
}

milliseconds restart_delay(milliseconds previous, std::chrono::nanoseconds ran) {
  return ran >= k_good_run ? k_first_delay : std::clamp(previous * 2, k_first_delay, k_longest_delay);
}

RestartOrder next_restart(const runtime::LaunchPlan& plan, const MonitorOrders& orders,
                          const runtime::StateRecord& state) {
  RestartOrder order;
  order.count = state.restart_count + 1;
  order.after = state.finished.value_or(k_zero_time);
  order.delay = restart_delay(orders.restart_delay, elapsed(state.started.value_or(order.after), order.after));
  order.cgroup = plan.cgroup;
  // The monitor has left the cgroup that was split to its children already.
  if (order.cgroup.kind == runtime::CgroupPlan::Kind::split) order.cgroup.kind = runtime::CgroupPlan::Kind::directory;
  return order;
}

bool is_due(const RestartOrder& order, const runtime::StateRecord& state) {
  return state.restart_pending && state.finished == order.after;
}

void restart_later(Core& core, const storage::ContainerId& id, RestartOrder order) {
  while (true) {
    core.close_store();
    (void)malloc_trim(0);
    wait_or_terminate(order.delay);
    const storage::ContainerEntry entry = {id, ""};
    const auto started = start_container(core, {.entry = entry, .restart = &order});
    // Gone, or it could not be tried at all.
    if (started || started.error().code() == Errc::not_found) return;
    order.delay = restart_delay(order.delay, {});
  }
}

bool is_restart_pending(const runtime::StateRecord& state) {
  return state.restart_pending && state.monitor && runtime::open_process(*state.monitor);
}

Result<bool> cancel_restart(Core& core, const storage::ContainerId& id) {
  const auto* store = TRY(core.store());
  bool auto_remove = false;
  {
    auto lock = store->containers().lock(id, LockMode::exclusive, core.cancel());
    if (!lock && lock.error().code() == Errc::not_found) return true;
    const auto held = TRY(std::move(lock));
    const auto dir = TRY(store->containers().open(id));
    auto seen = TRY(runtime::observe(dir));
    if (seen.liveness == runtime::Liveness::running || seen.liveness == runtime::Liveness::orphaned) return false;
    auto_remove = TRY(read_record(dir)).spec.auto_remove;
    seen.record.restart_pending = false;
    seen.record.stopped_by_user = true;
    seen.record.monitor.reset();
    TRY(runtime::write_state(dir, seen.record));
  }
  if (auto_remove) TRY(remove_ended(core, id));
  return true;
}

}  // namespace ctr::engine

// `wait`: until a container is in a state.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "engine/health.h"
#include "engine/lifecycle.h"
#include "engine/live_cgroup.h"

namespace ctr::engine {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds k_usual_interval{250};

bool is_end(const std::string& condition) { return condition == "stopped" || condition == "exited"; }
bool is_health(const std::string& condition) { return condition == "healthy" || condition == "unhealthy"; }

bool has_any(const std::vector<std::string>& conditions, bool (*predicate)(const std::string&)) {
  return std::any_of(conditions.begin(), conditions.end(), predicate);
}

Result<void> check_conditions(const std::vector<std::string>& conditions) {
  constexpr auto k_known =
      std::to_array<std::string_view>({"configured", "created", "exited", "healthy", "initialized", "paused",
                                       "removing", "running", "stopped", "stopping", "unhealthy"});
  for (const auto& condition : conditions) {
    if (std::find(k_known.begin(), k_known.end(), condition) != k_known.end()) continue;
    return Error(Errc::invalid, fmt::format("unknown container state: {}: invalid argument", printable(condition)));
  }
  return ok();
}

struct Seen {
  runtime::Observation state;
  std::string health;
};

bool holds(const std::string& condition, const Seen& seen) {
  switch (seen.state.liveness) {
    case runtime::Liveness::never_started:
      return condition == "created" || condition == "configured";
    case runtime::Liveness::running:
    case runtime::Liveness::orphaned:
      if (seen.state.record.initialized) return condition == "initialized";
      if (condition == "running" || condition == "paused") {
        return (condition == "paused") == is_paused(seen.state.record);
      }
      return is_health(condition) && condition == seen.health;
    case runtime::Liveness::ended:
      return is_end(condition);
  }
  return false;
}

Result<Seen> look(Core& core, const storage::ContainerId& id, bool with_health) {
  const auto dir = TRY(TRY(core.store())->containers().open(id));
  Seen seen{TRY(runtime::observe(dir)), ""};
  if (with_health) seen.health = TRY(read_health(dir)).status;
  return seen;
}

Result<void> check_health_is_known(Core& core, const storage::ContainerId& id) {
  const auto record = TRY(read_record(TRY(TRY(core.store())->containers().open(id))));
  if (has_health_check(record.spec)) return ok();
  return Error(Errc::invalid, fmt::format("container {} has no defined healthcheck", id.text()));
}

// What is waited for.
struct Wanted {
  std::vector<std::string> conditions;
  bool for_end = false;
  bool for_health = false;
  bool for_removal = false;

  static Result<Wanted> from(const std::vector<std::string>& conditions) {
    TRY(check_conditions(conditions));
    Wanted wanted;
    wanted.conditions = conditions;
    if (conditions.empty()) wanted.conditions = {"stopped", "exited"};
    wanted.for_end = has_any(wanted.conditions, is_end);
    wanted.for_health = has_any(wanted.conditions, is_health);
    wanted.for_removal = has_any(wanted.conditions, [](const std::string& word) { return word == "removing"; });
    return wanted;
  }
};

// One look at a container: what a wait for it comes to, unless it goes on.
struct Glance {
  std::optional<int> code;
  bool runs = false;
};
Result<Glance> glance(Core& core, const storage::ContainerId& id, const Wanted& wanted) {
  auto looked = look(core, id, wanted.for_health);
  if (!looked && looked.error().code() == Errc::not_found && (wanted.for_end || wanted.for_removal)) {
    return Glance{.code = wanted.for_end ? 0 : -1};
  }
  const auto seen = TRY(std::move(looked));
  for (const auto& condition : wanted.conditions) {
    if (holds(condition, seen)) return Glance{.code = is_end(condition) ? seen.state.record.exit_code : -1};
  }
  const auto liveness = seen.state.liveness;
  if (wanted.for_health && liveness == runtime::Liveness::ended && !seen.state.record.restart_pending) {
    return Error(Errc::bad_state, fmt::format("container {} has ended: container is stopped", id.text()));
  }
  // Source: podman, for which one that has never run is not waited for.
  if (wanted.for_end && liveness == runtime::Liveness::never_started) return Glance{.code = 0};
  return Glance{.code = {}, .runs = liveness == runtime::Liveness::running};
}

milliseconds pause_between(milliseconds interval) { return interval.count() > 0 ? interval : k_usual_interval; }

}  // namespace

Result<int> wait_container(Core& core, const storage::ContainerEntry& entry, const std::vector<std::string>& conditions,
                           milliseconds interval) {
  const auto wanted = TRY(Wanted::from(conditions));
  if (wanted.for_health) TRY(check_health_is_known(core, entry.id));
  while (true) {
    const auto seen = TRY(glance(core, entry.id, wanted));
    if (seen.code) return *seen.code;
    if (wanted.for_end && !wanted.for_health && seen.runs) {
      if (const auto run_dir = Dir::open(core.run_dir(entry.id.text()))) {
        if (const auto code = TRY(runtime::wait_for_exit(*run_dir, core.cancel()))) return *code;
      }
    }
    TRY(pause_for(core.cancel(), pause_between(interval)));
  }
}

Result<int> wait_for_first(Core& core, const std::vector<storage::ContainerEntry>& entries,
                           const std::vector<std::string>& conditions, milliseconds interval) {
  const auto wanted = TRY(Wanted::from(conditions));
  for (const auto& entry : entries) {
    if (wanted.for_health) TRY(check_health_is_known(core, entry.id));
  }
  while (true) {
    for (const auto& entry : entries) {
      const auto seen = TRY(glance(core, entry.id, wanted));
      if (seen.code) return *seen.code;
    }
    TRY(pause_for(core.cancel(), pause_between(interval)));
  }
}

}  // namespace ctr::engine

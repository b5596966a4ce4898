#include "engine/pod_stop.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/lifecycle.h"
#include "engine/pod_record.h"
#include "engine/pod_up.h"
#include "engine/remove.h"
#include "engine/restart.h"

namespace ctr::engine {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// How often the end of an init container is looked for.
constexpr milliseconds k_init_interval{20};

// Those that none of the others requires: the ones to stop next.
std::vector<PodMember> take_unneeded(std::vector<PodMember>& members) {
  const auto is_needed = [&](const PodMember& member) {
    return std::any_of(members.begin(), members.end(), [&](const auto& other) {
      const auto& needs = other.dependencies;
      return other.id != member.id && std::find(needs.begin(), needs.end(), member.id.hex) != needs.end();
    });
  };
  std::vector<PodMember> turn;
  std::copy_if(members.begin(), members.end(), std::back_inserter(turn),
               [&](const auto& member) { return !is_needed(member); });
  if (turn.empty()) turn = members;
  std::erase_if(members, [&](const auto& member) { return std::find(turn.begin(), turn.end(), member) != turn.end(); });
  return turn;
}

Result<void> stop_turn(Core& core, const std::vector<PodMember>& turn, const StopOptions& options,
                       MemberErrors& errors) {
  std::vector<std::optional<steady_clock::time_point>> deadlines;
  for (const auto& member : turn) {
    const auto asked = ask_to_stop(core, TRY(member_entry(member)), options);
    deadlines.push_back(asked ? *asked : std::nullopt);
  }
  for (size_t i = 0; i < turn.size(); ++i) {
    const auto entry = TRY(member_entry(turn[i]));
    if (deadlines[i]) {
      const auto left = std::chrono::duration_cast<milliseconds>(*deadlines[i] - steady_clock::now());
      auto ended = wait_until_ended(core, entry.id, std::max(left, milliseconds(1)));
      if (!ended && ended.error().code() == Errc::interrupted) return ended;
      if (ended) core.record_event(container_event(core, "stop", entry));
    }
    // What has not heard of it, or not heeded it, is killed.
    auto stopped = stop_container(core, entry, {std::chrono::seconds(0)});
    if (!stopped && stopped.error().code() != Errc::not_found) errors.emplace_back(turn[i], stopped.error());
  }
  return ok();
}

// Until its end. Errors: bad_state when it has failed.
Result<void> run_init(Core& core, const PodMember& member) {
  const auto entry = TRY(member_entry(member));
  TRY(start_container(core, {.entry = entry}));
  const int code = TRY(wait_container(core, entry, {"exited", "stopped"}, k_init_interval));
  if (code != 0) {
    return Error(Errc::bad_state, fmt::format("init container {} exited with code {}", member.id.hex, code))
        .with_hint(fmt::format("`ctr logs {}` shows what it said", member.name));
  }
  if (member.init == "once") TRY(remove_container(core, entry, {.force = true, .volumes = true, .timeout = {}}));
  return ok();
}

bool is_up(const PodMember& member) {
  return member.state == ContainerState::running || member.state == ContainerState::paused;
}

// It goes on beside those that follow, which wait for it to be up where it says how to see that.
Result<void> start_sidecar(Core& core, const PodMember& member) {
  if (is_up(member)) return ok();
  const auto entry = TRY(member_entry(member));
  TRY(start_container(core, {.entry = entry}));
  const auto record = TRY(read_record(TRY(TRY(core.store())->containers().open(entry.id))));
  if (record.spec.health_rules.startup) TRY(wait_container(core, entry, {"healthy"}, k_init_interval));
  return ok();
}

}  // namespace

Result<storage::ContainerEntry> member_entry(const PodMember& member) {
  return storage::ContainerEntry{TRY(storage_id(member.id)), member.name};
}

Result<MemberErrors> stop_members(Core& core, const std::vector<PodMember>& members, const StopOptions& options) {
  MemberErrors errors;
  auto left = members;
  while (!left.empty()) TRY(stop_turn(core, take_unneeded(left), options, errors));
  return errors;
}

Result<MemberErrors> start_members(Core& core, const std::vector<PodMember>& members) {
  MemberErrors errors;
  const auto order = start_order(members);
  const bool any_up = std::any_of(order.begin(), order.end(), is_up);
  for (const auto& member : order) {
    const bool is_sidecar = member.init == k_sidecar;
    if (member.init.empty() || (any_up && !is_sidecar)) continue;
    if (const auto run = is_sidecar ? start_sidecar(core, member) : run_init(core, member); !run) {
      errors.emplace_back(member, run.error());
      return errors;
    }
  }
  for (const auto& member : order) {
    if (!member.init.empty() || is_up(member)) continue;
    const auto started = start_container(core, {.entry = TRY(member_entry(member))});
    if (!started && started.error().code() == Errc::interrupted) return started.error();
    if (!started) errors.emplace_back(member, started.error());
  }
  return errors;
}

Result<MemberErrors> start_pod(Core& core, const storage::ContainerEntry& entry) {
  const auto pods = TRY(core.store())->pods();
  {
    const auto lock = TRY(pods.lock(entry.id, LockMode::exclusive, core.cancel()));
    TRY(bring_up(core, entry.id));
  }
  const auto info = TRY(view_pod(core, entry));
  auto errors = TRY(start_members(core, info.members));
  core.record_event(pod_event("start", TRY(read_pod_record(TRY(pods.open(entry.id))))));
  return errors;
}

Result<MemberErrors> stop_pod(Core& core, const storage::ContainerEntry& entry, const StopOptions& options) {
  const auto pods = TRY(core.store())->pods();
  const auto record = TRY(read_pod_record(TRY(pods.open(entry.id))));
  auto errors = TRY(stop_members(core, TRY(view_pod(core, entry)).members, options));
  const auto lock = TRY(pods.lock(entry.id, LockMode::exclusive, core.cancel()));
  // Without its members there is nothing in it; a member that could not be stopped keeps its network.
  if (errors.empty()) TRY(bring_down(core, entry.id));
  core.record_event(pod_event("stop", record));
  return errors;
}

}  // namespace ctr::engine

#include "engine/update.h"

#include <fmt/format.h>

#include "engine/cgroup_choice.h"
#include "engine/container_info.h"
#include "engine/create.h"
#include "engine/health.h"
#include "engine/launch_record.h"
#include "engine/limits.h"
#include "engine/live_cgroup.h"
#include "engine/spec_gen.h"
#include "runtime/attach.h"
#include "runtime/cgroup_check.h"
#include "storage/root.h"
#include "storage/running.h"

namespace ctr::engine {

namespace {

// As for a new container with these limits.
Result<void> check_limits(Core& core, const ContainerRecord& record, const ResourceSpec& limits) {
  const auto* host = TRY(core.host());
  const auto plan = TRY(choose_cgroup(record.spec, record.id, *TRY(core.config()), *host));
  return runtime::check_limits(runtime_limits(limits), plan, *host);
}

// What the next start reads.
Result<void> change_config(const Dir& dir, const ContainerChanges& changes) {
  const auto json = TRY(parse_own_json(TRY(dir.read_file(k_config_file)), dir.path() + "/" + k_config_file));
  auto spec = TRY(runtime::spec_from_json(json));
  auto& resources = spec.linux_config.resources;
  resources = change_limits(resources.value_or(runtime::SpecResources{}), changes.limits);
  if (spec.process) {
    spec.process->env = change_env(std::move(spec.process->env), changes);
    TRY(change_rlimits(spec.process->rlimits, changes.ulimits));
  }
  return dir.write_file(k_config_file, dump_json(to_json(spec)), Sync::yes);
}

// What runs.
Result<void> change_running(Core& core, const Dir& dir, const ContainerView& view, const ContainerRecord& changed,
                            const ContainerChanges& changes) {
  if (changes.limits != ResourceSpec{}) {
    TRY(TRY(open_live_cgroup(core, view.state, "update")).update(runtime_limits(changes.limits)));
  }
  if (!changes.restart && changes.health == HealthChanges{}) return ok();
  const auto health = plan_health(changed);
  // With another check the count of what failed begins anew, as at a start.
  if (health && !plan_health(view.record)) TRY(reset_health(dir));
  Json orders = Json::object().set("restart", to_json(changed.spec.restart));
  auto opened = Dir::open(core.run_dir(changed.id));
  // It has ended a moment ago: the next start reads what is recorded.
  if (!opened && opened.error().code() == Errc::not_found) return ok();
  const auto run_dir = TRY(std::move(opened));
  const auto sent = runtime::send_orders(run_dir, {.health = health, .engine = std::move(orders)});
  if (sent || sent.error().code() != Errc::bad_state) return sent;
  core.warn("the monitor of container " + changed.id + " is gone: the change counts from its next start on");
  return ok();
}

}  // namespace

Result<void> update_container(Core& core, const storage::ContainerId& id, ContainerChanges changes) {
  TRY(settle_limits(core, changes.limits));
  const auto containers = TRY(core.store())->containers();
  const auto lock = TRY(containers.lock(id, LockMode::exclusive, core.cancel()));
  if (changes == ContainerChanges{}) return ok();
  const auto dir = TRY(containers.open(id));
  const auto view = TRY(view_container(core, {id, ""}));
  auto changed = view.record;
  TRY(change_spec(changed.spec, changes));
  changed.env = change_env(std::move(changed.env), changes);
  TRY(check_limits(core, view.record, changed.spec.resources));
  if (view.info.pid > 0) {
    TRY(change_running(core, dir, view, changed, changes));
  }
  TRY(change_config(dir, changes));
  TRY(dir.write_file(k_record_file, dump_json(to_json(changed)) + "\n", Sync::yes));
  // Listings show the health of what runs where the monitor's row says that there is a check: without a row they look
  // here.
  if (has_health_check(changed.spec) != has_health_check(view.record.spec)) {
    TRY(storage::forget_running(TRY(core.store())->root().dir(), id));
  }
  core.record_event(container_event("update", changed));
  return ok();
}

}  // namespace ctr::engine

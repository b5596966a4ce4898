#include "engine/update.h"

#include <fmt/format.h>

#include "engine/cgroup_choice.h"
#include "engine/container_info.h"
#include "engine/launch_record.h"
#include "engine/limits.h"
#include "engine/live_cgroup.h"
#include "runtime/cgroup_check.h"

namespace ctr::engine {

namespace {

// As for a new container with these limits.
Result<void> check_limits(Core& core, const ContainerRecord& record, const ResourceSpec& limits) {
  const auto* host = TRY(core.host());
  const auto plan = TRY(choose_cgroup(record.spec, record.id, *TRY(core.config()), *host));
  return runtime::check_limits(runtime_limits(limits), plan, *host);
}

// What the next start reads.
Result<void> change_config(const Dir& dir, const ResourceSpec& changes) {
  const auto json = TRY(parse_own_json(TRY(dir.read_file(k_config_file)), dir.path() + "/" + k_config_file));
  auto spec = TRY(runtime::spec_from_json(json));
  auto& resources = spec.linux_config.resources;
  resources = change_limits(resources.value_or(runtime::SpecResources{}), changes);
  return dir.write_file(k_config_file, dump_json(to_json(spec)), Sync::yes);
}

}  // namespace

Result<void> update_container(Core& core, const storage::ContainerId& id, const ResourceSpec& changes) {
  const auto containers = TRY(core.store())->containers();
  const auto lock = TRY(containers.lock(id, LockMode::exclusive, core.cancel()));
  if (changes == ResourceSpec{}) return ok();
  const auto dir = TRY(containers.open(id));
  auto view = TRY(view_container(core, {id, ""}));
  auto& record = view.record;
  const auto limits = change_limits(record.spec.resources, changes);
  TRY(check_limits(core, record, limits));
  if (view.info.state == ContainerState::running || view.info.state == ContainerState::paused) {
    TRY(TRY(open_live_cgroup(core, view.state, "update")).update(runtime_limits(changes)));
  }
  TRY(change_config(dir, changes));
  record.spec.resources = limits;
  TRY(dir.write_file(k_record_file, dump_json(to_json(record)) + "\n", Sync::yes));
  core.record_event(container_event("update", record));
  return ok();
}

}  // namespace ctr::engine

#include "engine/pause.h"

#include <fmt/format.h>

#include "engine/container_info.h"
#include "engine/live_cgroup.h"
#include "storage/root.h"
#include "storage/running.h"

namespace ctr::engine {

Result<void> pause_container(Core& core, const storage::ContainerId& id) {
  const auto* store = TRY(core.store());
  const auto lock = TRY(store->containers().lock(id, LockMode::exclusive, core.cancel()));
  const auto view = TRY(view_container(core, {id, ""}));
  if (view.info.state == ContainerState::paused) {
    return Error(Errc::bad_state, fmt::format("\"{}\" is already paused: container state improper", id.text()))
        .with_hint("`ctr unpause` lets it go on");
  }
  if (view.info.state != ContainerState::running) {
    return Error(Errc::bad_state, fmt::format("\"{}\" is not running, can't pause: container state improper",
                                              state_name(view.info.state)))
        .with_hint("start it first, with `ctr start`");
  }
  const auto cgroup = TRY(open_live_cgroup(core, view.state, "pause"));
  // First: a row that is gone is no lie, whatever becomes of us.
  TRY(storage::forget_running(store->root().dir(), id));
  TRY(cgroup.freeze());
  core.record_event(container_event("pause", view.record));
  return ok();
}

Result<void> unpause_container(Core& core, const storage::ContainerId& id) {
  const auto lock = TRY(TRY(core.store())->containers().lock(id, LockMode::exclusive, core.cancel()));
  const auto view = TRY(view_container(core, {id, ""}));
  if (view.info.state != ContainerState::paused) {
    return Error(Errc::bad_state,
                 fmt::format("\"{}\" is not paused, can't unpause: container state improper", id.text()));
  }
  TRY(TRY(open_live_cgroup(core, view.state, "unpause")).thaw());
  core.record_event(container_event("unpause", view.record));
  return ok();
}

Result<std::optional<Standstill>> Standstill::begin(Core& core, const storage::ContainerId& id, std::string_view act) {
  const auto lock = TRY(TRY(core.store())->containers().lock(id, LockMode::exclusive, core.cancel()));
  const auto view = TRY(view_container(core, {id, ""}));
  if (view.info.state != ContainerState::running) return std::optional<Standstill>();
  auto cgroup = TRY(open_live_cgroup(core, view.state, act));
  TRY(cgroup.freeze());
  return std::optional(Standstill(std::move(cgroup)));
}

Standstill::~Standstill() {
  if (cgroup_) cgroup_->thaw().ignore("the container has ended meanwhile");
}

}  // namespace ctr::engine

#include "engine/remove.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/child.h"
#include "base/file.h"
#include "engine/container_info.h"
#include "engine/dependencies.h"
#include "engine/images.h"
#include "engine/lifecycle.h"
#include "engine/live_cgroup.h"
#include "engine/pod_hosts.h"
#include "engine/pod_record.h"
#include "engine/volumes.h"
#include "engine/worker.h"
#include "runtime/launch.h"
#include "runtime/state.h"

namespace ctr::engine {

namespace {

// Removed by the caller itself; more goes to a process in the background.
constexpr uint64_t k_inline_files = 256;

void remove_cid_file(const ContainerRecord& record) {
  const auto& path = record.spec.cid_file;
  if (path.empty()) return;
  // The user may have put another container's id there since.
  const auto text = read_file(path, 128);
  if (text && *text == record.id) unlink(path.c_str());
}

void remove_run_dir(Core& core, const std::string& id) {
  const auto parent = Dir::open(core.options().paths.run + "/containers");
  if (parent) remove_tree(*parent, id).ignore("the runtime directory is emptied at the next boot");
}

// Nothing runs, and the caller holds the container's lock. What --rmi says is removed afterwards; empty: nothing.
Result<std::string> remove_locked(Core& core, const storage::ContainerId& id, bool volumes) {
  const auto* store = TRY(core.store());
  const auto dir = store->containers().open(id);
  if (!dir) return std::string();
  TRY(check_no_dependents(core, id));
  const auto record = read_record(*dir);
  if (const auto state = runtime::read_state(*dir)) {
    remove_left_cgroup(*state).ignore("a cgroup that cannot be removed keeps no container");
  }
  TRY(store->containers().remove(id));
  remove_run_dir(core, id.text());
  // A damaged record must not keep its container from being removed.
  if (!record) return std::string();
  release_dependencies(core, *record);
  if (!record->spec.pod.empty()) {
    leave_pod(core, id, record->spec.pod);
    drop_member_name(core, record->spec.pod, record->name);
  }
  remove_cid_file(*record);
  if (volumes || record->spec.auto_remove) remove_anonymous_volumes(core, *record);
  core.record_event(container_event("remove", *record));
  return record->spec.remove_image ? record->spec.image : std::string();
}

// False: the container runs again. One that is gone when its lock is granted has been removed by somebody else.
Result<bool> lock_and_remove(Core& core, const storage::ContainerId& id, bool volumes) {
  const auto* store = TRY(core.store());
  auto lock = store->containers().lock(id, LockMode::exclusive, core.cancel());
  if (!lock && lock.error().code() == Errc::not_found) return true;
  const auto held = TRY(std::move(lock));
  if (TRY(store->containers().is_running(id))) return false;
  TRY(remove_locked(core, id, volumes));
  return true;
}

// Whoever is about to start it again, by its policy or by hand, may be there first. What stops it is final for the
// policy, so that only other users make more than a second turn.
constexpr int k_turns = 10;

// Ends what runs of the container, if it may. Errors: bad_state when that takes force.
Result<void> end_for_removal(Core& core, const storage::ContainerEntry& entry, ContainerState state,
                             const RemoveOptions& options) {
  const bool idle = state == ContainerState::paused || state == ContainerState::initialized;
  if (state != ContainerState::running && !idle) return ok();
  if (!options.force && state != ContainerState::initialized) {
    return Error(Errc::bad_state, fmt::format("cannot remove container {} as it is {} - running or paused "
                                              "containers cannot be removed without force: container state improper",
                                              entry.id.text(), state_name(state)));
  }
  auto ended = idle ? end_idle_container(core, entry, state) : stop_container(core, entry, {options.timeout});
  if (!ended && ended.error().code() == Errc::not_found) return ok();
  return ended;
}

// All that need it, from those that nobody needs.
Result<void> remove_dependents(Core& core, const storage::ContainerEntry& entry, const RemoveOptions& options) {
  for (const auto& dependent : TRY(find_dependents(core, entry.id))) TRY(remove_container(core, dependent, options));
  return ok();
}

void start_reclaim_process(Core& core, const std::string& store) {
  SpawnOptions options;
  options.program = core.options().own_binary;
  options.argv = {"ctr", std::string(k_reclaim_verb)};
  options.env = core.helper_env();
  options.env.push_back(fmt::format("{}={}", k_trash_variable, store));
  options.cwd = "/";
  options.session = SpawnOptions::Session::fresh;
  auto child = spawn(options);
  if (child) (void)child->release();
}

void reclaim(Core& core, const storage::Trash& trash, const std::string& store) {
  const auto done = trash.reclaim({k_inline_files}, core.cancel());
  if (done && done->left == 0 && done->needs_id_map == 0) return;
  start_reclaim_process(core, store);
}

}  // namespace

Result<void> remove_container(Core& core, const storage::ContainerEntry& entry, const RemoveOptions& options) {
  for (int turn = 0; turn < k_turns; ++turn) {
    auto view = view_container(core, entry);
    if (!view && view.error().code() == Errc::not_found) return ok();
    if (turn == 0 && options.dependents) TRY(remove_dependents(core, entry, options));
    TRY(check_no_dependents(core, entry.id));
    if (view) TRY(end_for_removal(core, entry, view->info.state, options));
    if (!view && !options.force) return std::move(view).error();
    if (TRY(lock_and_remove(core, entry.id, options.volumes))) {
      reclaim_space(core);
      return ok();
    }
    if (!options.force) break;
  }
  return Error(Errc::bad_state, fmt::format("container {} was started meanwhile", entry.id.text()));
}

Result<void> remove_ended(Core& core, const storage::ContainerId& id) {
  const auto* store = TRY(core.store());
  std::string image;
  {
    auto lock = store->containers().lock(id, LockMode::exclusive, core.cancel());
    if (!lock && lock.error().code() == Errc::not_found) return ok();
    const auto held = TRY(std::move(lock));
    image = TRY(remove_locked(core, id, true));
  }
  if (!image.empty()) remove_image(core, image, false).ignore("another container uses the image, or it is gone");
  return ok();
}

void reclaim_space(Core& core) {
  const auto store = core.store();
  if (!store) return;
  const auto& paths = core.options().paths;
  reclaim(core, (*store)->trash(), paths.store);
  if (!paths.image_store.empty()) reclaim(core, (*store)->image_trash(), paths.image_store);
}

int run_reclaim_process(Core& core, const Dir& trash) {
  const auto done = storage::reclaim_trash(trash);
  if (!done) return 1;
  if (done->needs_id_map == 0) return 0;
  const auto host = core.host();
  if (!host) return 1;
  runtime::UsernsRequest request = {**host,
                                    (*host)->default_map(),
                                    core.options().own_binary,
                                    {"ctr", std::string(k_reclaim_mapped_verb)},
                                    core.helper_env(),
                                    {{trash.fd(), 3}},
                                    "/"};
  auto child = runtime::launch_in_userns(request);
  if (!child) return 1;
  const auto status = child->wait();
  return status ? status->code : 1;
}

}  // namespace ctr::engine

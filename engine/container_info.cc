#include "engine/container_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <tuple>

#include "base/text.h"

namespace ctr::engine {

namespace {

ContainerState state_of(runtime::Liveness liveness) {
  switch (liveness) {
    case runtime::Liveness::never_started:
      return ContainerState::created;
    case runtime::Liveness::running:
    case runtime::Liveness::orphaned:
      return ContainerState::running;
    case runtime::Liveness::ended:
      return ContainerState::exited;
  }
  return ContainerState::exited;
}

void add_state(ContainerInfo& info, const runtime::StateRecord& state) {
  const bool running = info.state == ContainerState::running;
  if (running && state.init) info.pid = state.init->pid;
  if (running && state.monitor) info.monitor_pid = state.monitor->pid;
  info.exit_code = running ? 0 : state.exit_code;
  info.oom_killed = state.oom_killed;
  info.error = state.error;
  info.started = state.started;
  if (!running) info.finished = state.finished;
  info.restart_count = state.restart_count;
}

// The record joined with the state; info.spec is left empty, since a copy of it costs as much as all the rest.
Result<ContainerView> read_view(const storage::ContainerDirs& containers, const storage::ContainerEntry& entry) {
  const auto dir = TRY(containers.open(entry.id));
  ContainerView view;
  view.record = TRY(read_record(dir));
  auto seen = TRY(runtime::observe(dir));
  view.state = std::move(seen.record);
  auto& info = view.info;
  const auto& record = view.record;
  info.id = {record.id};
  info.name = entry.name.empty() ? record.name : entry.name;
  info.image_name = record.image_name;
  info.image_id = record.image_id;
  info.image_digest = record.image_digest;
  info.created = record.created;
  info.argv = record.argv;
  info.state = state_of(seen.liveness);
  info.bundle = containers.path(entry.id);
  add_state(info, view.state);
  return view;
}

}  // namespace

Result<ContainerRecord> read_record(const Dir& container_dir) {
  const auto what = container_dir.path() + "/" + k_record_file;
  return parse_container_record(TRY(container_dir.read_file(k_record_file)), what);
}

Result<ContainerView> view_container(Core& core, const storage::ContainerEntry& entry) {
  const auto* store = TRY(core.store());
  auto view = read_view(store->containers(), entry);
  if (view) view->info.spec = view->record.spec;
  return view;
}

Result<std::vector<ContainerInfo>> list_all(Core& core) {
  const auto* store = TRY(core.store());
  const auto containers = store->containers();
  std::vector<std::unique_ptr<ContainerView>> views;
  for (const auto& entry : TRY(containers.list())) {
    auto view = read_view(containers, entry);
    if (!view && view.error().code() == Errc::not_found) continue;
    views.push_back(std::make_unique<ContainerView>(TRY(std::move(view))));
  }
  // Pointers are sorted: an info is too large to be moved about.
  std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) {
    return std::tie(a->info.created, a->info.id) < std::tie(b->info.created, b->info.id);
  });
  std::vector<ContainerInfo> infos;
  infos.reserve(views.size());
  for (auto& view : views) {
    view->info.spec = std::move(view->record.spec);
    infos.push_back(std::move(view->info));
  }
  return infos;
}

Result<storage::ContainerEntry> resolve_container(Core& core, std::string_view name_or_id) {
  const auto* store = TRY(core.store());
  auto entry = store->containers().resolve(name_or_id);
  if (!entry && entry.error().code() == Errc::not_found) {
    return Error(Errc::not_found,
                 fmt::format("no container with name or ID \"{}\" found: no such container", printable(name_or_id)));
  }
  return entry;
}

Result<storage::ContainerId> storage_id(const ContainerId& id) { return storage::ContainerId::parse(id.hex); }

}  // namespace ctr::engine

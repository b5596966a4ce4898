#include "engine/container_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/memory.h"
#include "base/record_file.h"
#include "base/text.h"
#include "engine/live_cgroup.h"
#include "engine/restart.h"
#include "engine/running_row.h"
#include "engine/side_programs.h"
#include "engine/user_namespace.h"
#include "storage/root.h"
#include "storage/running.h"

namespace ctr::engine {

namespace {

// From this many containers on the heap grows at once, by what one takes of it in a table.
constexpr size_t k_many = 8;
constexpr size_t k_line_bytes = 512;
constexpr const char* k_noticed_file = "noticed-end";

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
  const bool lives = running || info.state == ContainerState::initialized;
  if (lives && state.init) info.pid = state.init->pid;
  if (lives && state.monitor) info.monitor_pid = state.monitor->pid;
  info.exit_code = running ? 0 : state.exit_code;
  info.oom_killed = state.oom_killed;
  info.error = state.error;
  info.started = state.started;
  if (!running) info.finished = state.finished;
  info.restart_count = state.restart_count;
  info.restart_pending = !lives && is_restart_pending(state);
  info.stopped_by_user = state.stopped_by_user;
}

// Joins what is stored of a container with what the kernel says. The name that is linked to it counts.
ContainerInfo join_state(RecordSummary summary, const runtime::Observation& seen, const std::string& linked_name) {
  auto info = info_of(std::move(summary));
  if (!linked_name.empty()) info.name = linked_name;
  info.state = state_of(seen.liveness);
  if (info.state == ContainerState::running && seen.record.initialized) info.state = ContainerState::initialized;
  add_state(info, seen.record);
  if (info.state == ContainerState::running && is_paused(seen.record)) info.state = ContainerState::paused;
  return info;
}

std::string record_path(const Dir& container_dir) { return container_dir.path() + "/" + k_record_file; }

// Whether nobody was there when it ended: its monitor has been killed, or the machine went down.
bool has_unseen_end(const ContainerInfo& info) {
  return info.state == ContainerState::exited && info.started && !info.finished;
}

// When such an end was noticed first: the time of a file that says no more than that. One that is older than the start
// is about an earlier run.
TimePoint noticed_end(const Dir& dir, TimePoint started) {
  const auto time_of = [&]() -> std::optional<TimePoint> {
    const auto found = dir.find(k_noticed_file);
    if (!found || !*found) return std::nullopt;
    const auto& time = (*found)->st_mtim;
    return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
  };
  if (const auto noticed = time_of(); noticed && *noticed >= started) return *noticed;
  dir.write_file(k_noticed_file, "", Sync::no).ignore("in a store that cannot be written it is noticed each time");
  const auto noticed = time_of();
  return noticed && *noticed >= started ? *noticed : now();
}

// `root` is the directory of all containers.
Result<ContainerInfo> read_info(const Dir& root, const storage::ContainerEntry& entry) {
  const std::string& id = entry.id.text();
  const std::string file = id + "/" + k_record_file;
  auto summary = TRY(parse_record_summary(TRY(read_record_file(root, file)), root.path() + "/" + file));
  const auto seen = TRY(runtime::observe(root, id));
  // One that is removed meanwhile looks like one that was never started.
  if (seen.liveness == runtime::Liveness::never_started && !root.exists(id)) {
    return Error(Errc::not_found, "container " + id + " is gone");
  }
  auto info = join_state(std::move(summary), seen, entry.name);
  if (has_unseen_end(info)) info.finished = noticed_end(TRY(root.open_dir(id)), *info.started);
  return info;
}

void add_health(const Dir& root, ContainerInfo& info) {
  if (info.spec.has_health_check) info.health = read_health_status(root, info.id.hex);
}

// Tells of those of `entries` that the table of running containers has, and takes them out. A table that cannot be read
// is like none.
Result<void> take_running(const storage::Store& store, const Dir& root, std::vector<storage::ContainerEntry>& entries,
                          const ContainerVisitor& visit) {
  std::vector<bool> taken(entries.size());
  ContainerInfo info;
  Result<void> outcome = ok();
  const auto add = [&](std::string_view id, std::string_view text) {
    const auto at = std::lower_bound(entries.begin(), entries.end(), id,
                                     [](const auto& entry, auto key) { return entry.id.text() < key; });
    if (at == entries.end() || at->id.text() != id) return;
    const auto index = static_cast<size_t>(at - entries.begin());
    if (taken[index] || !outcome || !read_running_row(id, text, info)) return;
    taken[index] = true;
    add_health(root, info);
    outcome = visit(info);
  };
  storage::list_running(store.root().dir(), add).ignore("every container can be looked up in its directory");
  TRY(std::move(outcome));
  size_t index = 0;
  std::erase_if(entries, [&](const auto&) { return taken[index++]; });
  return ok();
}

}  // namespace

Result<ContainerRecord> read_record(const Dir& container_dir) {
  return parse_container_record(TRY(container_dir.read_file(k_record_file)), record_path(container_dir));
}

ContainerInfo info_of(RecordSummary summary) {
  ContainerInfo info;
  info.id = {std::move(summary.id)};
  info.name = std::move(summary.name);
  info.spec = std::move(summary.spec);
  info.image_name = std::move(summary.image_name);
  info.image_id = std::move(summary.image_id);
  info.image_digest = std::move(summary.image_digest);
  info.created = summary.created;
  info.argv = std::move(summary.argv);
  return info;
}

Result<ContainerView> view_container(Core& core, const storage::ContainerEntry& entry) {
  const auto containers = TRY(core.store())->containers();
  const auto dir = TRY(containers.open(entry.id));
  ContainerView view;
  view.record = TRY(read_record(dir));
  auto seen = TRY(runtime::observe(dir));
  view.info = join_state(summarize(view.record), seen, entry.name);
  if (has_unseen_end(view.info)) view.info.finished = noticed_end(dir, *view.info.started);
  view.bundle = containers.path(entry.id);
  view.run_dir = core.run_dir(entry.id.text());
  if (has_health_check(view.record.spec)) {
    view.health = read_health(dir).value_or(HealthRecord());
    view.info.health = known_status(view.health.status);
  }
  if (view.record.spec.probes.readiness) view.ready = read_readiness(dir).value_or(ReadinessRecord()).ready;
  view.state = std::move(seen.record);
  view.ids = TRY(asked_ids(core, dir, view.record.spec.userns));
  return view;
}

Result<void> visit_all(Core& core, const ContainerVisitor& visit) {
  const auto* store = TRY(core.store());
  const auto containers = store->containers();
  auto entries = TRY(containers.list_unnamed());
  if (entries.empty()) return ok();
  const Dir* root = TRY(store->root().area(storage::Area::containers));
  if (entries.size() > k_many) prefault_heap(entries.size() * k_line_bytes);
  TRY(take_running(*store, *root, entries, visit));
  TRY(containers.add_names(entries));
  for (const auto& entry : entries) {
    auto info = read_info(*root, entry);
    if (!info && info.error().code() == Errc::not_found) continue;
    if (!info) return std::move(info).error();
    add_health(*root, *info);
    TRY(visit(*info));
  }
  return ok();
}

Result<std::vector<ContainerInfo>> list_all(Core& core) {
  std::vector<ContainerInfo> infos;
  const auto keep = [&](ContainerInfo& info) {
    infos.push_back(std::move(info));
    return ok();
  };
  TRY(visit_all(core, keep));
  std::sort(infos.begin(), infos.end(),
            [](const auto& a, const auto& b) { return std::tie(a.created, a.id) < std::tie(b.created, b.id); });
  return infos;
}

Result<storage::ContainerEntry> resolve_container(Core& core, std::string_view name_or_id) {
  const auto* store = TRY(core.store());
  auto entry = store->containers().resolve(name_or_id);
  if (!entry && entry.error().code() == Errc::not_found) {
    return Error(Errc::not_found,
                 fmt::format("no container with name or ID \"{}\" found: no such container", printable(name_or_id)))
        .with_hint("`ctr ps --all` lists the containers");
  }
  return entry;
}

Result<std::string> current_name(Core& core, const storage::ContainerEntry& entry) {
  const auto containers = TRY(core.store())->containers();
  if (entry.name.empty()) return containers.find_name(entry.id);
  const auto found = containers.resolve(entry.name);
  // Nearly always: one look at the link, where the reverse way looks at every name.
  if (found && found->id == entry.id) return entry.name;
  return containers.find_name(entry.id);
}

Event container_event(std::string_view status, const RecordSummary& summary) {
  auto event = object_event("container", status, summary.id, summary.name);
  event.image = summary.image_name;
  event.pod = summary.spec.pod;
  event.attributes = summary.spec.labels;
  return event;
}

Event container_event(std::string_view status, const ContainerRecord& record) {
  auto event = object_event("container", status, record.id, record.name);
  event.image = record.image_name;
  event.pod = record.spec.pod;
  event.attributes = record.spec.labels;
  return event;
}

Event container_event(Core& core, std::string_view status, const storage::ContainerEntry& entry) {
  const auto read = [&]() -> Result<Event> {
    const auto dir = TRY(TRY(core.store())->containers().open(entry.id));
    const auto text = TRY(dir.read_file(k_record_file));
    return container_event(status, TRY(parse_record_summary(text, k_record_file)));
  };
  auto event = read();
  return event ? std::move(*event) : object_event("container", status, entry.id.text(), entry.name);
}

Result<storage::ContainerId> storage_id(const ContainerId& id) { return storage::ContainerId::parse(id.hex); }

}  // namespace ctr::engine

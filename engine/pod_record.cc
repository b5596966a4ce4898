#include "engine/pod_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/record_file.h"
#include "base/text.h"
#include "engine/container_info.h"
#include "runtime/spec_codec.h"
#include "runtime/state.h"

namespace ctr::engine {

using runtime::NamespaceType;

namespace {

constexpr size_t k_origin_limit_bytes = size_t{16} << 20;
constexpr const char* k_members_dir = "members";

Result<PodRecord> read_record(const JsonReader& reader) {
  TRY(expect_schema(reader, k_pod_schema));
  PodRecord record;
  record.id = TRY(reader.get_string("id"));
  record.name = TRY(reader.get_string("name"));
  record.created = TRY(parse_rfc3339(TRY(reader.get_string("created")), reader.path() + ".created"));
  record.hostname = TRY(reader.string_or("hostname", ""));
  record.cgroup = TRY(reader.string_or("cgroup", ""));
  const auto spec = TRY(reader.find_object("spec"));
  if (!spec) return reader.wrong("spec", "an object");
  record.spec = TRY(pod_spec_from_json(*spec));
  if (const auto ids = TRY(reader.find_object("ids"))) record.ids = TRY(runtime::id_map_from_json(*ids));
  return record;
}

Error missing(std::string_view name) {
  return Error(Errc::not_found, fmt::format("no pod with name or ID {} found: no such pod", printable(name)))
      .with_hint("`ctr pod ps` lists the pods");
}

PodMember member_of(const ContainerView& view) {
  const auto& spec = view.record.spec;
  return {view.info.id,        view.info.name,    view.info.state,  view.info.restart_count,
          spec.init_container, spec.dependencies, view.info.created};
}

Result<std::vector<PodMember>> read_members(Core& core, const Dir& pod_dir) {
  std::vector<PodMember> members;
  for (const auto& entry : TRY(member_entries(core, pod_dir))) {
    const auto view = view_container(core, entry);
    if (!view && view.error().code() == Errc::not_found) continue;
    if (!view) return view.error();
    members.push_back(member_of(*view));
  }
  std::sort(members.begin(), members.end(),
            [](const auto& a, const auto& b) { return std::tie(a.created, a.id) < std::tie(b.created, b.id); });
  return members;
}

}  // namespace

Json to_json(const PodRecord& record) {
  Json json = Json::object();
  json.set("schema", k_pod_schema)
      .set("id", record.id)
      .set("name", record.name)
      .set("created", format_rfc3339_nano(record.created))
      .set("hostname", record.hostname)
      .set("spec", to_json(record.spec));
  if (!record.cgroup.empty()) json.set("cgroup", record.cgroup);
  if (record.ids.empty()) return json;
  Json ids = Json::object();
  runtime::set_id_map(&ids, record.ids);
  return json.set("ids", std::move(ids));
}

Result<PodRecord> parse_pod_record(std::string_view document, const std::string& what) {
  const auto json = parse_own_json(document, what);
  if (!json) return Error(Errc::corrupt, json.error().message());
  auto record = read_record(JsonReader(*json, what));
  if (!record && record.error().code() == Errc::invalid) return std::move(record).error().with_code(Errc::corrupt);
  return record;
}

Result<PodRecord> read_pod_record(const Dir& pod_dir) {
  return parse_pod_record(TRY(pod_dir.read_file(k_pod_file)), pod_dir.path() + "/" + k_pod_file);
}

Result<Json> read_pod_origin(const Dir& pod_dir) {
  if (!pod_dir.exists(k_pod_origin_file)) return Json();
  const auto text = TRY(pod_dir.read_file(k_pod_origin_file, k_origin_limit_bytes));
  return parse_json(text, k_pod_origin_file, {.size_bytes = k_origin_limit_bytes});
}

Result<storage::ContainerEntry> resolve_pod(Core& core, std::string_view name_or_id) {
  const auto* store = TRY(core.store());
  auto entry = store->pods().resolve(name_or_id);
  if (!entry && entry.error().code() == Errc::not_found) return missing(name_or_id);
  return entry;
}

Result<PodInfo> view_pod(Core& core, const storage::ContainerEntry& entry) {
  const auto dir = TRY(TRY(core.store())->pods().open(entry.id));
  auto record = TRY(read_pod_record(dir));
  const auto seen = TRY(runtime::observe(dir));
  PodInfo info;
  info.id = {record.id};
  info.name = entry.name.empty() ? record.name : entry.name;
  info.created = record.created;
  info.hostname = std::move(record.hostname);
  info.cgroup = std::move(record.cgroup);
  info.members = TRY(read_members(core, dir));
  const bool running = seen.liveness == runtime::Liveness::running;
  info.state = pod_state({record.spec.infra, running, seen.record.started.has_value()}, info.members);
  if (running && seen.record.monitor) info.monitor_pid = seen.record.monitor->pid;
  info.error = seen.record.error;
  info.started = seen.record.started;
  info.spec = std::move(record.spec);
  return info;
}

Result<std::vector<PodInfo>> list_pods(Core& core) {
  std::vector<PodInfo> infos;
  for (const auto& entry : TRY(TRY(core.store())->pods().list())) {
    auto info = view_pod(core, entry);
    if (!info && info.error().code() == Errc::not_found) continue;
    infos.push_back(TRY(std::move(info)));
  }
  std::sort(infos.begin(), infos.end(),
            [](const auto& a, const auto& b) { return std::tie(a.created, a.id) < std::tie(b.created, b.id); });
  return infos;
}

Result<storage::ContainerId> storage_id(const PodId& id) { return storage::ContainerId::parse(id.hex); }

std::vector<NamespaceType> held_namespaces(const PodSpec& spec) {
  std::vector<NamespaceType> held;
  if (!spec.infra) return held;
  const auto is_own = [](const NamespaceChoice& choice) {
    return choice.mode == NamespaceChoice::Mode::automatic || choice.mode == NamespaceChoice::Mode::private_;
  };
  using Network = NetworkChoice::Mode;
  const auto network = spec.shared.network.mode;
  const bool own_network = network == Network::private_ || network == Network::none || network == Network::bridge;
  if (spec.share.contains("net") && own_network) held.push_back(NamespaceType::network);
  if (spec.share.contains("ipc") && is_own(spec.shared.ipc)) held.push_back(NamespaceType::ipc);
  if (spec.share.contains("uts") && is_own(spec.shared.uts)) held.push_back(NamespaceType::uts);
  if (spec.share.contains("pid") && is_own(spec.shared.pid)) held.push_back(NamespaceType::pid);
  return held;
}

Result<std::vector<storage::ContainerEntry>> member_entries(Core& core, const Dir& pod_dir) {
  std::vector<storage::ContainerEntry> entries;
  if (!pod_dir.exists(k_members_dir)) return entries;
  const auto containers = TRY(core.store())->containers();
  auto names = TRY(TRY(pod_dir.open_dir(k_members_dir)).list());
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    const auto id = storage::ContainerId::parse(name);
    if (id && containers.has(*id)) entries.push_back({*id, ""});
  }
  TRY(containers.add_names(entries));
  return entries;
}

Result<std::optional<FileLock>> enter_pod(Core& core, const storage::ContainerId& member, const std::string& pod) {
  if (pod.empty()) return std::optional<FileLock>();
  const auto pods = TRY(core.store())->pods();
  const auto id = TRY(storage::ContainerId::parse(pod));
  auto lock = pods.lock(id, LockMode::shared, core.cancel());
  if (!lock && lock.error().code() == Errc::not_found) return missing(pod);
  auto held = TRY(std::move(lock));
  const auto dir = TRY(TRY(pods.open(id)).open_or_make_dir(k_members_dir, 0700));
  TRY(dir.write_file(member.text(), "", Sync::no));
  return std::optional(std::move(held));
}

void leave_pod(Core& core, const storage::ContainerId& member, const std::string& pod) {
  const auto id = storage::ContainerId::parse(pod);
  const auto store = core.store();
  if (!id || !store) return;
  const auto dir = (*store)->pods().open(*id);
  const auto members = dir ? dir->open_dir(k_members_dir) : Result<Dir>(missing(pod));
  if (members) members->remove_file(member.text()).ignore("what names a container that is gone means nothing");
}

Event pod_event(std::string_view status, const PodRecord& record) {
  auto event = object_event("pod", status, record.id, record.name);
  event.attributes = record.spec.shared.labels;
  return event;
}

}  // namespace ctr::engine

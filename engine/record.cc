#include "engine/record.h"

#include <array>

#include "base/record_file.h"

namespace ctr::engine {

namespace {

// What RecordSummary is made of.
constexpr auto k_summary_members = std::to_array<std::string_view>({"schema",
                                                                    "id",
                                                                    "name",
                                                                    "created",
                                                                    "image_name",
                                                                    "image_id",
                                                                    "image_digest",
                                                                    "argv",
                                                                    "spec.rootfs",
                                                                    "spec.labels",
                                                                    "spec.mounts",
                                                                    "spec.network",
                                                                    "spec.ports",
                                                                    "spec.exposed_ports",
                                                                    "spec.pod",
                                                                    "spec.terminal",
                                                                    "spec.stdin_open",
                                                                    "spec.auto_remove",
                                                                    "spec.cid_file",
                                                                    "spec.restart",
                                                                    "spec.health"});

Json mount_json(const MountRecord& mount) {
  Json json = Json::object();
  json.set("type", mount.type);
  if (!mount.name.empty()) json.set("name", mount.name);
  json.set("source", mount.source).set("destination", mount.destination);
  if (!mount.options.empty()) json.set("options", Json::strings(mount.options));
  json.set("writable", mount.writable);
  if (!mount.propagation.empty()) json.set("propagation", mount.propagation);
  if (mount.anonymous) json.set("anonymous", true);
  if (!mount.copy_up) json.set("copy_up", false);
  if (mount.chown) json.set("chown", true);
  if (mount.id_mapped) json.set("id_mapped", true);
  if (!mount.subpath.empty()) json.set("subpath", mount.subpath);
  if (!mount.image_id.empty()) json.set("image_id", mount.image_id);
  if (mount.overlay) json.set("overlay", true);
  if (!mount.scratch.empty()) json.set("scratch", mount.scratch);
  return json;
}

Result<MountRecord> read_mount(const JsonReader& reader) {
  MountRecord mount;
  mount.type = TRY(reader.get_string("type"));
  mount.name = TRY(reader.string_or("name", ""));
  mount.source = TRY(reader.get_string("source"));
  mount.destination = TRY(reader.get_string("destination"));
  mount.options = TRY(reader.strings("options"));
  mount.writable = TRY(reader.get_bool("writable"));
  mount.propagation = TRY(reader.string_or("propagation", ""));
  mount.anonymous = TRY(reader.bool_or("anonymous", false));
  mount.copy_up = TRY(reader.bool_or("copy_up", true));
  mount.chown = TRY(reader.bool_or("chown", false));
  mount.id_mapped = TRY(reader.bool_or("id_mapped", false));
  mount.subpath = TRY(reader.string_or("subpath", ""));
  mount.image_id = TRY(reader.string_or("image_id", ""));
  mount.overlay = TRY(reader.bool_or("overlay", false));
  mount.scratch = TRY(reader.string_or("scratch", ""));
  return mount;
}

// The members that record and summary have in common.
template <typename Record>
Result<void> read_summary_members(const JsonReader& reader, Record& record) {
  record.id = TRY(reader.get_string("id"));
  record.name = TRY(reader.get_string("name"));
  record.created = TRY(parse_rfc3339(TRY(reader.get_string("created")), reader.path() + ".created"));
  record.image_name = TRY(reader.string_or("image_name", ""));
  record.image_id = TRY(reader.string_or("image_id", ""));
  record.image_digest = TRY(reader.string_or("image_digest", ""));
  record.argv = TRY(reader.strings("argv"));
  return ok();
}

Result<JsonReader> get_spec(const JsonReader& reader) {
  const auto spec = TRY(reader.find_object("spec"));
  if (!spec) return reader.wrong("spec", "an object");
  return *spec;
}

Result<ContainerRecord> read_record(const JsonReader& reader) {
  TRY(expect_schema(reader, k_record_schema));
  ContainerRecord record;
  TRY(read_summary_members(reader, record));
  record.entrypoint = TRY(reader.strings("entrypoint"));
  record.env = TRY(reader.strings("env"));
  record.working_dir = TRY(reader.string_or("working_dir", "/"));
  record.user = TRY(reader.string_or("user", ""));
  record.hostname = TRY(reader.string_or("hostname", ""));
  record.stop_signal = static_cast<int>(TRY(reader.int_or("stop_signal", 15)));
  record.stop_timeout_seconds = static_cast<int>(TRY(reader.int_or("stop_timeout_seconds", 10)));
  record.log_driver = TRY(reader.string_or("log_driver", "k8s-file"));
  for (const auto& element : TRY(reader.elements("mounts"))) record.mounts.push_back(TRY(read_mount(element)));
  record.capabilities = TRY(reader.strings("capabilities"));
  record.effective_capabilities = record.capabilities;
  if (reader.has("effective_capabilities")) {
    record.effective_capabilities = TRY(reader.strings("effective_capabilities"));
  }
  record.exposed_ports = TRY(reader.strings("exposed_ports"));
  record.systemd = TRY(reader.bool_or("systemd", false));
  record.spec = TRY(container_spec_from_json(TRY(get_spec(reader))));
  return record;
}

Result<RecordSummary> read_summary(const JsonReader& reader) {
  TRY(expect_schema(reader, k_record_schema));
  RecordSummary summary;
  TRY(read_summary_members(reader, summary));
  summary.spec = TRY(spec_summary_from_json(TRY(get_spec(reader))));
  return summary;
}

// What is wrong in a file of ours is damage, not input.
template <typename T>
Result<T> as_stored(Result<T> read) {
  if (!read && read.error().code() == Errc::invalid) return std::move(read).error().with_code(Errc::corrupt);
  return read;
}

}  // namespace

Json to_json(const ContainerRecord& record) {
  Json json = Json::object();
  json.set("schema", k_record_schema)
      .set("id", record.id)
      .set("name", record.name)
      .set("created", format_rfc3339_nano(record.created))
      .set("image_name", record.image_name)
      .set("image_id", record.image_id)
      .set("image_digest", record.image_digest)
      .set("argv", Json::strings(record.argv));
  if (!record.entrypoint.empty()) json.set("entrypoint", Json::strings(record.entrypoint));
  json.set("env", Json::strings(record.env))
      .set("working_dir", record.working_dir)
      .set("user", record.user)
      .set("hostname", record.hostname)
      .set("stop_signal", record.stop_signal)
      .set("stop_timeout_seconds", record.stop_timeout_seconds)
      .set("log_driver", record.log_driver);
  Json mounts = Json::array();
  for (const auto& mount : record.mounts) mounts.push(mount_json(mount));
  if (!record.mounts.empty()) json.set("mounts", std::move(mounts));
  json.set("capabilities", Json::strings(record.capabilities));
  if (record.effective_capabilities != record.capabilities) {
    json.set("effective_capabilities", Json::strings(record.effective_capabilities));
  }
  if (!record.exposed_ports.empty()) json.set("exposed_ports", Json::strings(record.exposed_ports));
  if (record.systemd) json.set("systemd", true);
  json.set("spec", to_json(record.spec));
  return json;
}

Json spec_summary_json(const ContainerSpec& spec) {
  constexpr std::string_view k_spec = "spec.";
  const Json whole = to_json(spec);
  Json out = Json::object();
  for (const auto name : k_summary_members) {
    if (!name.starts_with(k_spec)) continue;
    const auto key = name.substr(k_spec.size());
    if (const Json* value = whole.find(key)) out.set(std::string(key), *value);
  }
  return out;
}

RecordSummary summarize(const ContainerRecord& record) {
  return {record.id,           record.name,    record.image_name, record.image_id,
          record.image_digest, record.created, record.argv,       summarize(record.spec)};
}

Result<ContainerRecord> parse_container_record(std::string_view document, const std::string& what) {
  const auto json = TRY(as_stored(parse_own_json(document, what)));
  return as_stored(read_record(JsonReader(json, what)));
}

Result<RecordSummary> parse_record_summary(std::string_view document, const std::string& what) {
  const auto json = TRY(as_stored(parse_own_json_members(document, what, k_summary_members)));
  return as_stored(read_summary(JsonReader(json, what)));
}

}  // namespace ctr::engine

#include "engine/record.h"

#include <fmt/format.h>

namespace ctr::engine {

namespace {

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
  if (!mount.subpath.empty()) json.set("subpath", mount.subpath);
  if (!mount.image_id.empty()) json.set("image_id", mount.image_id);
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
  mount.subpath = TRY(reader.string_or("subpath", ""));
  mount.image_id = TRY(reader.string_or("image_id", ""));
  mount.scratch = TRY(reader.string_or("scratch", ""));
  return mount;
}

Result<ContainerRecord> read_record(const JsonReader& reader) {
  TRY(reader.expect_object());
  const auto schema = TRY(reader.get_int("schema"));
  if (schema > k_record_schema) {
    return Error(Errc::unsupported,
                 fmt::format("'{}' has schema {}, this ctr reads up to {}", reader.path(), schema, k_record_schema))
        .with_hint("use the version of ctr that made it, or a later one");
  }
  ContainerRecord record;
  record.id = TRY(reader.get_string("id"));
  record.name = TRY(reader.get_string("name"));
  record.created = TRY(parse_rfc3339(TRY(reader.get_string("created")), reader.path() + ".created"));
  record.image_name = TRY(reader.string_or("image_name", ""));
  record.image_id = TRY(reader.string_or("image_id", ""));
  record.image_digest = TRY(reader.string_or("image_digest", ""));
  record.argv = TRY(reader.strings("argv"));
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
  const auto spec = TRY(reader.find_object("spec"));
  if (!spec) return reader.wrong("spec", "an object");
  record.spec = TRY(container_spec_from_json(*spec));
  return record;
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
  json.set("spec", to_json(record.spec));
  return json;
}

Result<ContainerRecord> parse_container_record(std::string_view document, const std::string& what) {
  const auto json = parse_json(document, what);
  if (!json) return Error(Errc::corrupt, json.error().message());
  auto record = read_record(JsonReader(*json, what));
  if (!record && record.error().code() == Errc::invalid) return std::move(record).error().with_code(Errc::corrupt);
  return record;
}

}  // namespace ctr::engine

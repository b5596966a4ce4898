#include "runtime/container/record.h"

#include <fmt/format.h>

#include "runtime/spec_hooks.h"

namespace ctr::runtime {
namespace {

constexpr int k_schema = 1;
constexpr const char* k_record_file = "state.json";

}  // namespace

Json to_json(const ContainerRecord& record) {
  Json init;
  if (record.init) init.set("pid", int64_t{record.init->pid}).set("start_ticks", record.init->start_ticks);
  Json rdt;
  if (record.rdt) rdt = to_json(*record.rdt);
  Json out = Json::object();
  out.set("schema", k_schema)
      .set("id", record.id)
      .set("oci_version", record.oci_version)
      .set("bundle", record.bundle)
      .set("rootfs", record.rootfs)
      .set("created", format_rfc3339_nano(record.created))
      .set("uid", record.uid)
      .set("annotations", Json::string_map(record.annotations))
      .set("boot_id", record.boot_id)
      .set("init", std::move(init))
      .set("ready", record.ready)
      .set("cgroup_path", record.cgroup_path)
      .set("cgroup_mount", record.cgroup_mount)
      .set("cgroup_unit", record.cgroup_unit)
      .set("cgroup_made", record.cgroup_made)
      .set("rdt", std::move(rdt))
      .set("later", to_json(record.later))
      .set("hooks", to_json(record.hooks));
  return out;
}

Result<ContainerRecord> container_record_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  const int64_t schema = TRY(reader.get_int("schema"));
  if (schema > k_schema) {
    return Error(Errc::unsupported,
                 fmt::format("{} has schema {}; this ctr knows {}", reader.path(), schema, k_schema));
  }
  ContainerRecord record;
  record.id = TRY(reader.get_string("id"));
  record.oci_version = TRY(reader.get_string("oci_version"));
  record.bundle = TRY(reader.get_string("bundle"));
  record.rootfs = TRY(reader.get_string("rootfs"));
  record.created = TRY(parse_rfc3339(TRY(reader.get_string("created")), "created"));
  record.uid = static_cast<uint32_t>(TRY(reader.get_uint("uid")));
  record.annotations = TRY(reader.string_map("annotations"));
  record.boot_id = TRY(reader.get_string("boot_id"));
  if (const auto init = TRY(reader.find_object("init"))) {
    record.init = ProcessRef{.pid = static_cast<pid_t>(TRY(init->get_int("pid"))),
                             .start_ticks = TRY(init->get_uint("start_ticks"))};
  }
  record.ready = TRY(reader.get_bool("ready"));
  record.cgroup_path = TRY(reader.string_or("cgroup_path", ""));
  record.cgroup_mount = TRY(reader.string_or("cgroup_mount", ""));
  record.cgroup_unit = TRY(reader.string_or("cgroup_unit", ""));
  record.cgroup_made = TRY(reader.bool_or("cgroup_made", false));
  if (const auto rdt = TRY(reader.find_object("rdt"))) record.rdt = TRY(rdt_group_from_json(*rdt));
  if (const auto later = TRY(reader.find_object("later"))) record.later = TRY(later_steps_from_json(*later));
  if (const auto hooks = TRY(reader.find_object("hooks"))) record.hooks = TRY(hooks_from_json(*hooks));
  return record;
}

Result<ContainerRecord> read_record(const Dir& container_dir) {
  const Json value = TRY(parse_json(TRY(container_dir.read_file(k_record_file)), k_record_file));
  return container_record_from_json(JsonReader(value, k_record_file));
}

Result<void> write_record(const Dir& container_dir, const ContainerRecord& record) {
  return container_dir.write_file(k_record_file, dump_json(to_json(record)), Sync::no);
}

}  // namespace ctr::runtime

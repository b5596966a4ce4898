#include "engine/launch_record.h"

#include "base/record_file.h"

namespace ctr::engine {

namespace {

Result<runtime::LogPlan> read_log(const JsonReader& parent) {
  const auto reader = TRY(parent.find_object("log"));
  if (!reader) return parent.wrong("log", "an object");
  return runtime::log_plan_from_json(*reader);
}

Result<LaunchRecord> read_record(const JsonReader& reader) {
  TRY(expect_schema(reader, k_launch_schema));
  LaunchRecord record;
  const auto rootfs = TRY(reader.find_object("rootfs"));
  if (!rootfs) return reader.wrong("rootfs", "an object");
  record.rootfs = TRY(runtime::rootfs_plan_from_json(*rootfs));
  record.seccomp_flags = static_cast<uint32_t>(TRY(reader.uint_or("seccomp_flags", 0)));
  record.init_program = TRY(reader.string_or("init_program", ""));
  record.runtime = TRY(reader.string_or("runtime", ""));
  record.home_follows_user = TRY(reader.bool_or("home_follows_user", false));
  record.log = TRY(read_log(reader));
  return record;
}

}  // namespace

Json to_json(const LaunchRecord& record) {
  return Json::object()
      .set("schema", k_launch_schema)
      .set("rootfs", to_json(record.rootfs))
      .set("seccomp_flags", record.seccomp_flags)
      .set("init_program", record.init_program)
      .set("runtime", record.runtime)
      .set("home_follows_user", record.home_follows_user)
      .set("log", runtime::to_json(record.log));
}

Result<LaunchRecord> parse_launch_record(std::string_view document, const std::string& what) {
  const auto json = parse_own_json(document, what);
  if (!json) return Error(Errc::corrupt, json.error().message());
  auto record = read_record(JsonReader(*json, what));
  if (!record && record.error().code() == Errc::invalid) return std::move(record).error().with_code(Errc::corrupt);
  return record;
}

Json to_json(const MonitorOrders& orders) {
  Json json = Json::object();
  json.set("name", orders.name).set("image", orders.image).set("auto_remove", orders.auto_remove);
  if (Json restart = to_json(orders.restart); !restart.as_object().empty()) json.set("restart", std::move(restart));
  if (!orders.pod.empty()) json.set("pod", orders.pod);
  if (orders.is_init) json.set("is_init", true);
  if (orders.restart_delay.count() > 0) json.set("restart_delay_ms", int64_t{orders.restart_delay.count()});
  json.set("row", orders.row);
  json.set("network", orders.network ? network::to_json(*orders.network) : Json());
  if (!orders.passed_ports.empty()) {
    Json places = Json::array();
    for (const uint64_t place : orders.passed_ports) places.push(place);
    json.set("passed_ports", std::move(places));
  }
  return json;
}

Result<MonitorOrders> monitor_orders_from_json(const Json& value) {
  const JsonReader reader(value, "plan.engine");
  TRY(reader.expect_object());
  MonitorOrders orders;
  orders.name = TRY(reader.get_string("name"));
  orders.image = TRY(reader.get_string("image"));
  orders.auto_remove = TRY(reader.get_bool("auto_remove"));
  orders.restart = TRY(read_restart(reader));
  orders.pod = TRY(reader.string_or("pod", ""));
  orders.is_init = TRY(reader.bool_or("is_init", false));
  orders.restart_delay = std::chrono::milliseconds(TRY(reader.int_or("restart_delay_ms", 0)));
  orders.row = TRY(reader.string_or("row", ""));
  if (const auto plan = TRY(reader.find_object("network"))) {
    orders.network = TRY(network::network_plan_from_json(*plan));
  }
  for (const JsonReader& place : TRY(reader.elements("passed_ports"))) {
    if (!place.value().is_integer()) return reader.wrong("passed_ports", "numbers");
    orders.passed_ports.push_back(place.value().as_uint());
  }
  return orders;
}

}  // namespace ctr::engine

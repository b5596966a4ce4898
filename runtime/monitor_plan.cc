#include "runtime/monitor_plan.h"

#include <algorithm>
#include <array>

namespace ctr::runtime {

namespace {

constexpr int k_schema = 1;

Json to_json(const StarterAttach& attach) {
  return Json::object().set("stdin", attach.stdin_).set("stdout", attach.stdout_).set("stderr", attach.stderr_);
}

constexpr std::array<std::string_view, 4> k_actions = {"none", "kill", "restart", "stop"};

Json to_json(const NotifyPlan& notify) {
  return Json::object()
      .set("socket", notify.socket)
      .set("relays", notify.relays)
      .set("when_healthy", notify.when_healthy);
}

Result<NotifyPlan> notify_from_json(const JsonReader& reader) {
  return NotifyPlan{TRY(reader.get_string("socket")), TRY(reader.get_bool("relays")),
                    TRY(reader.get_bool("when_healthy"))};
}

Json secrets_json(const std::vector<SecretFile>& files) {
  Json json = Json::array();
  for (const SecretFile& file : files) json.push(to_json(file));
  return json;
}

Result<JsonReader> get_object(const JsonReader& reader, std::string_view key) {
  std::optional<JsonReader> object = TRY(reader.find_object(key));
  if (!object) return reader.wrong(key, "an object");
  return *object;
}

}  // namespace

Json to_json(const HealthPlan& health) {
  Json json = Json::object();
  json.set("interval_ms", int64_t{health.interval.count()});
  if (health.delay.count() > 0) json.set("delay_ms", int64_t{health.delay.count()});
  if (health.startup_interval) json.set("startup_interval_ms", int64_t{health.startup_interval->count()});
  return json.set("action", k_actions[static_cast<size_t>(health.action)])
      .set("stop_signal", health.stop_signal)
      .set("stop_timeout_seconds", int64_t{health.stop_timeout.count()});
}

Result<HealthPlan> health_from_json(const JsonReader& reader) {
  HealthPlan health;
  health.interval = std::chrono::milliseconds(TRY(reader.get_int("interval_ms")));
  health.delay = std::chrono::milliseconds(TRY(reader.int_or("delay_ms", 0)));
  if (const auto startup = TRY(reader.find_int("startup_interval_ms"))) {
    health.startup_interval = std::chrono::milliseconds(*startup);
  }
  const std::string action = TRY(reader.get_string("action"));
  const auto* found = std::find(k_actions.begin(), k_actions.end(), action);
  if (found == k_actions.end()) return reader.wrong("action", "an action");
  health.action = static_cast<HealthPlan::Action>(found - k_actions.begin());
  health.stop_signal = static_cast<int>(TRY(reader.get_int("stop_signal")));
  health.stop_timeout = std::chrono::seconds(TRY(reader.get_int("stop_timeout_seconds")));
  return health;
}

std::string_view log_driver_name(LogPlan::Driver driver) {
  switch (driver) {
    case LogPlan::Driver::journald:
      return "journald";
    case LogPlan::Driver::none:
      return "none";
    case LogPlan::Driver::passthrough:
      return "passthrough";
    case LogPlan::Driver::k8s_file:
      break;
  }
  return "k8s-file";
}

Json to_json(const LogPlan& log) {
  Json json = Json::object()
                  .set("driver", log_driver_name(log.driver))
                  .set("path", log.path)
                  .set("max_size_bytes", log.max_size_bytes);
  if (!log.tag.empty()) json.set("tag", log.tag);
  if (!log.labels.empty()) json.set("labels", Json::strings(log.labels));
  return json;
}

Result<LogPlan> log_plan_from_json(const JsonReader& reader) {
  using Driver = LogPlan::Driver;
  LogPlan log;
  const std::string name = TRY(reader.get_string("driver"));
  bool known = false;
  for (const auto driver : {Driver::k8s_file, Driver::journald, Driver::none, Driver::passthrough}) {
    if (name != log_driver_name(driver)) continue;
    log.driver = driver;
    known = true;
  }
  if (!known) return reader.wrong("driver", "a log driver");
  log.path = TRY(reader.string_or("path", ""));
  log.max_size_bytes = TRY(reader.uint_or("max_size_bytes", 0));
  log.tag = TRY(reader.string_or("tag", ""));
  log.labels = TRY(reader.strings("labels"));
  return log;
}

Json to_json(const LaunchPlan& plan) {
  Json json = Json::object();
  json.set("schema", k_schema)
      .set("container_id", plan.container_id)
      .set("name", plan.name)
      .set("bundle", plan.bundle)
      .set("run_dir", plan.run_dir)
      .set("spec", to_json(plan.spec))
      .set("rootfs", to_json(plan.rootfs))
      .set("host", to_json(plan.host))
      .set("cgroup", to_json(plan.cgroup))
      .set("seccomp_flags", plan.seccomp_flags)
      .set("init_program", plan.init_program)
      .set("runtime", plan.runtime)
      .set("secrets", secrets_json(plan.secrets))
      .set("log", to_json(plan.log))
      .set("stdin_open", plan.stdin_open)
      .set("timeout_seconds", plan.timeout ? Json(int64_t{plan.timeout->count()}) : Json())
      .set("attach", plan.attach ? to_json(*plan.attach) : Json())
      .set("engine", plan.engine);
  if (!plan.preserved_fds.empty()) {
    Json numbers = Json::array();
    for (const int fd : plan.preserved_fds) numbers.push(int64_t{fd});
    json.set("preserved_fds", std::move(numbers));
  }
  if (plan.engine_fds > 0) json.set("engine_fds", uint64_t{plan.engine_fds});
  if (plan.restart_count > 0) json.set("restart_count", plan.restart_count);
  if (plan.initialize) json.set("initialize", true);
  if (plan.health) json.set("health", to_json(*plan.health));
  if (plan.readiness) json.set("readiness", to_json(*plan.readiness));
  if (plan.post_start) json.set("post_start", true);
  if (plan.notify) json.set("notify", to_json(*plan.notify));
  return json;
}

Result<LaunchPlan> launch_plan_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  if (TRY(reader.get_int("schema")) != k_schema) return reader.wrong("schema", "the version of this program");
  LaunchPlan plan;
  plan.container_id = TRY(reader.get_string("container_id"));
  plan.name = TRY(reader.get_string("name"));
  plan.bundle = TRY(reader.get_string("bundle"));
  plan.run_dir = TRY(reader.get_string("run_dir"));
  const Json* spec = reader.value().find("spec");
  if (spec == nullptr) return reader.wrong("spec", "an object");
  plan.spec = TRY(spec_from_json(*spec));
  plan.rootfs = TRY(rootfs_plan_from_json(TRY(get_object(reader, "rootfs"))));
  plan.host = TRY(host_facts_from_json(TRY(get_object(reader, "host"))));
  plan.cgroup = TRY(cgroup_plan_from_json(TRY(get_object(reader, "cgroup"))));
  plan.seccomp_flags = static_cast<uint32_t>(TRY(reader.uint_or("seccomp_flags", 0)));
  plan.init_program = TRY(reader.string_or("init_program", ""));
  plan.runtime = TRY(reader.string_or("runtime", ""));
  for (const JsonReader& file : TRY(reader.elements("secrets"))) {
    plan.secrets.push_back(TRY(secret_file_from_json(file)));
  }
  plan.log = TRY(log_plan_from_json(TRY(get_object(reader, "log"))));
  plan.stdin_open = TRY(reader.bool_or("stdin_open", false));
  if (std::optional<int64_t> seconds = TRY(reader.find_int("timeout_seconds"))) {
    plan.timeout = std::chrono::seconds(*seconds);
  }
  if (std::optional<JsonReader> attach = TRY(reader.find_object("attach"))) {
    plan.attach = StarterAttach{.stdin_ = TRY(attach->bool_or("stdin", false)),
                                .stdout_ = TRY(attach->bool_or("stdout", false)),
                                .stderr_ = TRY(attach->bool_or("stderr", false))};
  }
  for (const JsonReader& number : TRY(reader.elements("preserved_fds"))) {
    if (!number.value().is_integer()) return reader.wrong("preserved_fds", "numbers");
    plan.preserved_fds.push_back(static_cast<int>(number.value().as_int()));
  }
  plan.engine_fds = TRY(reader.uint_or("engine_fds", 0));
  plan.restart_count = static_cast<int>(TRY(reader.int_or("restart_count", 0)));
  plan.initialize = TRY(reader.bool_or("initialize", false));
  if (const auto health = TRY(reader.find_object("health"))) plan.health = TRY(health_from_json(*health));
  if (const auto check = TRY(reader.find_object("readiness"))) plan.readiness = TRY(health_from_json(*check));
  plan.post_start = TRY(reader.bool_or("post_start", false));
  if (const auto notify = TRY(reader.find_object("notify"))) plan.notify = TRY(notify_from_json(*notify));
  if (const Json* engine = reader.value().find("engine")) plan.engine = *engine;
  return plan;
}

}  // namespace ctr::runtime

#include "runtime/monitor_plan.h"

namespace ctr::runtime {

namespace {

constexpr int k_schema = 1;

std::string_view driver_name(LogPlan::Driver driver) {
  switch (driver) {
    case LogPlan::Driver::none:
      return "none";
    case LogPlan::Driver::passthrough:
      return "passthrough";
    case LogPlan::Driver::k8s_file:
      break;
  }
  return "k8s-file";
}

Result<LogPlan> log_from_json(const JsonReader& reader) {
  LogPlan log;
  std::string driver = TRY(reader.get_string("driver"));
  if (driver == "none") {
    log.driver = LogPlan::Driver::none;
  } else if (driver == "passthrough") {
    log.driver = LogPlan::Driver::passthrough;
  } else if (driver != "k8s-file") {
    return reader.wrong("driver", "a log driver");
  }
  log.path = TRY(reader.string_or("path", ""));
  log.max_size_bytes = TRY(reader.uint_or("max_size_bytes", 0));
  return log;
}

Json to_json(const StarterAttach& attach) {
  return Json::object().set("stdin", attach.stdin_).set("stdout", attach.stdout_).set("stderr", attach.stderr_);
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

Json to_json(const LaunchPlan& plan) {
  Json log = Json::object()
                 .set("driver", driver_name(plan.log.driver))
                 .set("path", plan.log.path)
                 .set("max_size_bytes", plan.log.max_size_bytes);
  return Json::object()
      .set("schema", k_schema)
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
      .set("log", std::move(log))
      .set("stdin_open", plan.stdin_open)
      .set("timeout_seconds", plan.timeout ? Json(int64_t{plan.timeout->count()}) : Json())
      .set("attach", plan.attach ? to_json(*plan.attach) : Json())
      .set("engine", plan.engine);
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
  plan.log = TRY(log_from_json(TRY(get_object(reader, "log"))));
  plan.stdin_open = TRY(reader.bool_or("stdin_open", false));
  if (std::optional<int64_t> seconds = TRY(reader.find_int("timeout_seconds"))) {
    plan.timeout = std::chrono::seconds(*seconds);
  }
  if (std::optional<JsonReader> attach = TRY(reader.find_object("attach"))) {
    plan.attach = StarterAttach{.stdin_ = TRY(attach->bool_or("stdin", false)),
                                .stdout_ = TRY(attach->bool_or("stdout", false)),
                                .stderr_ = TRY(attach->bool_or("stderr", false))};
  }
  if (const Json* engine = reader.value().find("engine")) plan.engine = *engine;
  return plan;
}

}  // namespace ctr::runtime

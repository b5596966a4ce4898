#include "engine/health.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "base/record_file.h"
#include "base/text.h"
#include "engine/probe.h"

namespace ctr::engine {

using runtime::CheckEnd;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {

Json to_json(const HealthResult& result) {
  return Json::object()
      .set("start", format_rfc3339_nano(result.start))
      .set("end", format_rfc3339_nano(result.end))
      .set("exit_code", result.exit_code)
      .set("output", result.output);
}

Result<HealthResult> result_from_json(const JsonReader& reader) {
  HealthResult result;
  result.start = TRY(parse_rfc3339(TRY(reader.get_string("start")), k_health_file));
  result.end = TRY(parse_rfc3339(TRY(reader.get_string("end")), k_health_file));
  result.exit_code = static_cast<int>(TRY(reader.get_int("exit_code")));
  result.output = TRY(reader.get_string("output"));
  return result;
}

CheckEnd add_startup_result(HealthRecord& record, bool passed, const StartupHealthSpec& startup, bool is_last) {
  if (passed) {
    record.startup_failures = 0;
    if (++record.startup_passes < startup.successes) return CheckEnd::passed;
    record.started = true;
    // Where nothing is looked at any more, this is what is known.
    if (is_last) record.status = "healthy";
    return CheckEnd::started;
  }
  record.startup_passes = 0;
  if (++record.startup_failures < startup.retries || startup.retries == 0) return CheckEnd::failed;
  record.startup_failures = 0;
  return CheckEnd::startup_failed;
}

CheckEnd add_regular_result(HealthRecord& record, bool passed, int retries, bool in_start_period) {
  if (passed) {
    record.status = "healthy";
    record.failing_streak = 0;
    return CheckEnd::passed;
  }
  if (!in_start_period && ++record.failing_streak >= retries) record.status = "unhealthy";
  return record.status == "unhealthy" ? CheckEnd::unhealthy : CheckEnd::failed;
}

runtime::HealthPlan::Action action_of(HealthAction action) {
  switch (action) {
    case HealthAction::none:
      return runtime::HealthPlan::Action::none;
    case HealthAction::kill:
      return runtime::HealthPlan::Action::kill;
    case HealthAction::restart:
      return runtime::HealthPlan::Action::restart;
    case HealthAction::stop:
      return runtime::HealthPlan::Action::stop;
  }
  return runtime::HealthPlan::Action::none;
}

// What is shorter than a millisecond is not nothing.
milliseconds to_milliseconds(nanoseconds duration) { return std::chrono::ceil<milliseconds>(duration); }

// `file` is below `dir`.
Result<HealthRecord> read_health_file(const Dir& dir, const std::string& file) {
  auto text = dir.read_file(file);
  if (!text && text.error().code() == Errc::not_found) return HealthRecord();
  const Json json = TRY(parse_json(TRY(std::move(text)), k_health_file));
  return health_record_from_json(JsonReader(json, k_health_file));
}

}  // namespace

Json to_json(const HealthRecord& record) {
  Json log = Json::array();
  for (const auto& result : record.log) log.push(to_json(result));
  return Json::object()
      .set("schema", k_health_schema)
      .set("status", record.status)
      .set("failing_streak", record.failing_streak)
      .set("started", record.started)
      .set("startup_passes", record.startup_passes)
      .set("startup_failures", record.startup_failures)
      .set("log", std::move(log));
}

Result<HealthRecord> health_record_from_json(const JsonReader& reader) {
  TRY(expect_schema(reader, k_health_schema));
  HealthRecord record;
  record.status = TRY(reader.string_or("status", ""));
  record.failing_streak = static_cast<int>(TRY(reader.int_or("failing_streak", 0)));
  record.started = TRY(reader.bool_or("started", false));
  record.startup_passes = static_cast<int>(TRY(reader.int_or("startup_passes", 0)));
  record.startup_failures = static_cast<int>(TRY(reader.int_or("startup_failures", 0)));
  for (const auto& result : TRY(reader.elements("log"))) record.log.push_back(TRY(result_from_json(result)));
  return record;
}

Result<HealthRecord> read_health(const Dir& container_dir) { return read_health_file(container_dir, k_health_file); }

std::string_view known_status(std::string_view status) {
  for (const std::string_view known : {"starting", "healthy", "unhealthy"}) {
    if (status == known) return known;
  }
  return {};
}

std::string_view read_health_status(const Dir& containers, const std::string& id) {
  const auto record = read_health_file(containers, id + "/" + k_health_file);
  return record ? known_status(record->status) : std::string_view();
}

std::string health_log_name(const std::string& container_id) { return container_id + "-healthcheck.log"; }

Json health_log_json(const HealthRecord& health) {
  Json log = Json::array();
  for (const auto& result : health.log) {
    log.push(Json::object()
                 .set("Start", format_rfc3339_nano(result.start))
                 .set("End", format_rfc3339_nano(result.end))
                 .set("ExitCode", result.exit_code)
                 .set("Output", result.output));
  }
  return Json::object()
      .set("Status", health.status)
      .set("FailingStreak", health.failing_streak)
      .set("Log", health.log.empty() ? Json() : std::move(log));
}

Result<void> reset_health(const Dir& container_dir) {
  HealthRecord record;
  record.status = "starting";
  return container_dir.write_file(k_health_file, dump_json(to_json(record)), Sync::no);
}

std::optional<oci::HealthConfig> choose_health(const std::optional<oci::HealthConfig>& own,
                                               const std::optional<oci::HealthConfig>& image) {
  if (own && !own->test.empty()) return own;
  if (!image || image->test.empty()) return std::nullopt;
  oci::HealthConfig health = *image;
  if (health.interval.count() == 0) health.interval = k_health_interval;
  if (health.timeout.count() == 0) health.timeout = k_health_timeout;
  if (health.retries == 0) health.retries = k_health_retries;
  if (!own) return health;
  // Negative: none.
  if (own->interval.count() != 0) health.interval = std::max(own->interval, nanoseconds(0));
  if (own->timeout.count() != 0) health.timeout = own->timeout;
  if (own->start_period.count() != 0) health.start_period = std::max(own->start_period, nanoseconds(0));
  if (own->retries != 0) health.retries = own->retries;
  return health;
}

Result<void> check_health_rules(const ContainerSpec& spec) {
  const auto& place = spec.health_rules.log_destination;
  if (place.starts_with('/')) {
    const auto dir = Dir::open(place);
    if (!dir) return Error(dir.error()).context(fmt::format("--health-log-destination '{}'", printable(place)));
  }
  if (has_health_check(spec)) return ok();
  const auto& rules = spec.health_rules;
  if (rules.on_failure != HealthAction::none) {
    return Error(Errc::invalid, fmt::format("cannot set on-failure action to {} without a health check",
                                            action_word(rules.on_failure)));
  }
  if (rules.startup) {
    return Error(Errc::invalid, "cannot set a startup health check without a health check")
        .with_hint("use --health-cmd");
  }
  if (spec.notify.mode == NotifySpec::Mode::healthy) {
    return Error(Errc::invalid, "sdnotify policy \"healthy\" requires a healthcheck to be set: invalid argument")
        .with_hint("use --health-cmd");
  }
  return ok();
}

std::optional<runtime::HealthPlan> plan_health(const ContainerRecord& record) {
  if (!has_health_check(record.spec)) return std::nullopt;
  runtime::HealthPlan plan;
  plan.interval = to_milliseconds(record.spec.health->interval);
  const auto& rules = record.spec.health_rules;
  if (rules.startup) plan.startup_interval = to_milliseconds(rules.startup->interval);
  plan.action = action_of(rules.on_failure);
  plan.stop_signal = record.stop_signal;
  plan.stop_timeout = std::chrono::seconds(record.stop_timeout_seconds);
  return plan;
}

std::vector<std::string> program_of(const std::vector<std::string>& test) {
  if (test.empty()) return {};
  if (test[0] == "CMD") return {test.begin() + 1, test.end()};
  if (test[0] != "CMD-SHELL") return test;
  std::string line;
  for (size_t i = 1; i < test.size(); ++i) line += (i > 1 ? " " : "") + test[i];
  return {"/bin/sh", "-c", line};
}

HealthCommand next_check(const ContainerSpec& spec, const HealthRecord& record) {
  const auto& startup = spec.health_rules.startup;
  if (startup && !record.started) return {true, program_of(startup->test), startup->timeout};
  return {false, program_of(spec.health->test), spec.health->timeout};
}

CheckEnd add_result(HealthRecord& record, HealthResult result, const ContainerSpec& spec, bool startup,
                    bool in_start_period) {
  const auto& rules = spec.health_rules;
  const bool passed = result.exit_code == 0;
  if (rules.log_bytes > 0 && result.output.size() > rules.log_bytes) result.output.resize(rules.log_bytes);
  record.log.push_back(std::move(result));
  while (rules.log_entries > 0 && record.log.size() > rules.log_entries) record.log.erase(record.log.begin());
  if (startup) {
    const bool is_last = !spec.health->test.empty() && spec.health->test[0] == k_pass_test;
    return add_startup_result(record, passed, *rules.startup, is_last);
  }
  return add_regular_result(record, passed, spec.health->retries, in_start_period);
}

}  // namespace ctr::engine

#include "engine/side_programs.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <csignal>

#include "base/record_file.h"
#include "base/wait.h"
#include "engine/container_info.h"
#include "engine/health.h"

namespace ctr::engine {

namespace {

constexpr int k_readiness_schema = 1;
// Of the output of a check that failed.
constexpr size_t k_kept_output_bytes = 500;
// A hook of the start has no time of its own.
constexpr std::chrono::hours k_hook_time{24};

struct Target {
  Dir dir;
  ContainerRecord record;
  runtime::StateRecord state;
};

Result<Target> open_target(Core& core, const storage::ContainerId& id) {
  auto dir = TRY(TRY(core.store())->containers().open(id));
  auto record = TRY(read_record(dir));
  auto seen = TRY(runtime::observe(dir));
  if (seen.liveness != runtime::Liveness::running || seen.record.initialized) {
    return Error(Errc::bad_state, fmt::format("container {} is not running", record.id));
  }
  return Target{std::move(dir), std::move(record), std::move(seen.record)};
}

Result<bool> check_readiness(Core& core, const storage::ContainerId& id) {
  const auto target = TRY(open_target(core, id));
  const auto& readiness = target.record.spec.probes.readiness;
  if (!readiness) return Error(Errc::invalid, "the container has no readiness check");
  const auto result =
      TRY(run_test(core, {id, ""}, target.state, {false, program_of(readiness->test), readiness->timeout}));
  const auto lock = TRY(TRY(core.store())->containers().lock(id, LockMode::exclusive, core.cancel()));
  // Another start has begun a record of its own.
  if (TRY(runtime::observe(target.dir)).record.started != target.state.started) {
    return Error(Errc::bad_state, "the container was started anew meanwhile");
  }
  auto record = TRY(read_readiness(target.dir));
  const bool passed = result.exit_code == 0;
  add_result(record, passed, result.output, *readiness);
  TRY(target.dir.write_file(k_readiness_file, dump_json(to_json(record)), Sync::no));
  return passed;
}

Result<bool> run_hook(Core& core, const storage::ContainerId& id, bool post_start) {
  const auto target = TRY(open_target(core, id));
  const auto& probes = target.record.spec.probes;
  const auto& test = post_start ? probes.post_start : probes.pre_stop;
  if (test.empty()) return true;
  return TRY(run_test(core, {id, ""}, target.state, {false, program_of(test), k_hook_time})).exit_code == 0;
}

}  // namespace

Json to_json(const ReadinessRecord& record) {
  return Json::object()
      .set("schema", k_readiness_schema)
      .set("ready", record.ready)
      .set("successes", record.successes)
      .set("failures", record.failures)
      .set("output", record.output);
}

Result<ReadinessRecord> read_readiness(const Dir& container_dir) {
  ReadinessRecord record;
  auto text = container_dir.read_file(k_readiness_file);
  if (!text && text.error().code() == Errc::not_found) return record;
  const Json json = TRY(parse_json(TRY(std::move(text)), k_readiness_file));
  const JsonReader reader(json, k_readiness_file);
  TRY(expect_schema(reader, k_readiness_schema));
  record.ready = TRY(reader.get_bool("ready"));
  record.successes = static_cast<int>(TRY(reader.int_or("successes", 0)));
  record.failures = static_cast<int>(TRY(reader.int_or("failures", 0)));
  record.output = TRY(reader.string_or("output", ""));
  return record;
}

Result<void> reset_readiness(const Dir& container_dir) {
  return container_dir.write_file(k_readiness_file, dump_json(to_json(ReadinessRecord())), Sync::no);
}

void add_result(ReadinessRecord& record, bool passed, const std::string& output, const ReadinessSpec& spec) {
  constexpr int k_enough = 1'000'000;
  if (passed) {
    record.failures = 0;
    record.successes = std::min(record.successes + 1, k_enough);
    if (record.successes >= spec.successes) record.ready = true;
    return;
  }
  record.successes = 0;
  record.failures = std::min(record.failures + 1, k_enough);
  record.output = output.substr(0, k_kept_output_bytes);
  if (record.failures >= spec.retries) record.ready = false;
}

std::optional<runtime::HealthPlan> plan_readiness(const ContainerSpec& spec) {
  if (!spec.probes.readiness) return std::nullopt;
  runtime::HealthPlan plan;
  plan.interval = std::chrono::ceil<std::chrono::milliseconds>(spec.probes.readiness->interval);
  plan.delay = std::chrono::ceil<std::chrono::milliseconds>(spec.probes.readiness->delay);
  return plan;
}

Result<Child> start_side_program(const Core& core, std::string_view verb, const std::string& id) {
  SpawnOptions options;
  options.program = core.options().own_binary;
  options.argv = {"ctr", std::string(verb), id};
  options.env = core.helper_env();
  options.cwd = "/";
  return spawn(options);
}

int run_side_program(Core& core, std::string_view verb, std::string_view id) {
  const auto parsed = storage::ContainerId::parse(id);
  if (!parsed) return 1;
  const auto passed =
      verb == k_readiness_verb ? check_readiness(core, *parsed) : run_hook(core, *parsed, verb == k_post_start_verb);
  return passed && *passed ? 0 : 1;
}

Result<void> run_pre_stop(Core& core, const ContainerRecord& record, std::chrono::seconds timeout) {
  if (record.spec.probes.pre_stop.empty()) return ok();
  auto started = start_side_program(core, k_pre_stop_verb, record.id);
  if (!started) return core.warn(started.error().text()), ok();
  auto ended = wait_for(started->pidfd(), POLLIN, core.cancel(), timeout);
  if (!ended) started->signal(SIGKILL).ignore("it has ended by itself at this moment");
  const auto status = started->wait();
  if (!ended && ended.error().code() != Errc::timed_out) return ended;
  if (!ended || !status || status->code != 0) {
    core.warn(fmt::format("the preStop hook of container {} has failed", record.name));
  }
  return ok();
}

}  // namespace ctr::engine

#include "engine/health.h"

#include "tests/catch.h"
#include "tests/temporary_dir.h"

namespace ctr::engine {
namespace {

using runtime::CheckEnd;
using namespace std::chrono_literals;
using Words = std::vector<std::string>;

ContainerSpec checked_spec() {
  ContainerSpec spec;
  spec.health = oci::HealthConfig{{"CMD-SHELL", "check"}, 30s, 5s, 0s, 2};
  return spec;
}

HealthResult result_of(int exit_code, std::string output = "") {
  HealthResult result;
  result.start = from_unix_seconds(1'700'000'000);
  result.end = result.start + 1s;
  result.exit_code = exit_code;
  result.output = std::move(output);
  return result;
}

}  // namespace

TEST_CASE("a container is unhealthy after as many failures in a row as it may have") {
  const auto spec = checked_spec();
  HealthRecord record;
  record.status = "starting";
  CHECK(add_result(record, result_of(1), spec, false, false) == CheckEnd::failed);
  CHECK(record.status == "starting");
  CHECK(add_result(record, result_of(-1), spec, false, false) == CheckEnd::unhealthy);
  CHECK(record.status == "unhealthy");
  CHECK(record.failing_streak == 2);
  CHECK(add_result(record, result_of(0), spec, false, false) == CheckEnd::passed);
  CHECK(record.status == "healthy");
  CHECK(record.failing_streak == 0);
  CHECK(add_result(record, result_of(1), spec, false, false) == CheckEnd::failed);
  CHECK(record.status == "healthy");
}

TEST_CASE("failures in the start period do not count, a pass does") {
  const auto spec = checked_spec();
  HealthRecord record;
  record.status = "starting";
  for (int i = 0; i < 4; ++i) CHECK(add_result(record, result_of(1), spec, false, true) == CheckEnd::failed);
  CHECK(record.failing_streak == 0);
  CHECK(record.status == "starting");
  CHECK(add_result(record, result_of(0), spec, false, true) == CheckEnd::passed);
  CHECK(record.status == "healthy");
}

TEST_CASE("the startup check comes first, and has its own numbers") {
  auto spec = checked_spec();
  spec.health_rules.startup = StartupHealthSpec{{"CMD", "up", "now"}, 1s, 2s, 2, 2};
  HealthRecord record;
  record.status = "starting";
  const auto first = next_check(spec, record);
  CHECK(first.startup);
  CHECK(first.argv == Words{"up", "now"});
  CHECK(first.timeout == 2s);
  CHECK(add_result(record, result_of(1), spec, true, false) == CheckEnd::failed);
  CHECK(add_result(record, result_of(1), spec, true, false) == CheckEnd::startup_failed);
  CHECK(add_result(record, result_of(0), spec, true, false) == CheckEnd::passed);
  CHECK(add_result(record, result_of(1), spec, true, false) == CheckEnd::failed);
  CHECK(add_result(record, result_of(0), spec, true, false) == CheckEnd::passed);
  CHECK_FALSE(record.started);
  CHECK(add_result(record, result_of(0), spec, true, false) == CheckEnd::started);
  CHECK(record.status == "starting");
  const auto second = next_check(spec, record);
  CHECK_FALSE(second.startup);
  CHECK(second.argv == Words{"/bin/sh", "-c", "check"});
  CHECK(second.timeout == 5s);
  spec.health_rules.startup->retries = 0;
  for (int i = 0; i < 5; ++i) CHECK(add_result(record, result_of(1), spec, true, false) == CheckEnd::failed);
}

TEST_CASE("the last results are kept, and the beginning of their output") {
  auto spec = checked_spec();
  HealthRecord record;
  for (int i = 0; i < 7; ++i)
    add_result(record, result_of(0, std::to_string(i) + std::string(600, 'x')), spec, false, false);
  REQUIRE(record.log.size() == 5);
  CHECK(record.log[0].output.size() == 500);
  CHECK(record.log[0].output[0] == '2');
  spec.health_rules.log_entries = spec.health_rules.log_bytes = 0;
  add_result(record, result_of(0, std::string(600, 'x')), spec, false, false);
  CHECK(record.log.size() == 6);
  CHECK(record.log[5].output.size() == 600);
  CHECK(*health_record_from_json(JsonReader(to_json(record), "health")) == record);
}

TEST_CASE("a start begins a health record, and a container without one has none") {
  test::TemporaryDir scratch;
  const Dir& dir = scratch.dir();
  CHECK(*read_health(dir) == HealthRecord());
  REQUIRE(dir.make_dir("c", 0700));
  CHECK(read_health_status(dir, "c").empty());
  REQUIRE(reset_health(dir));
  CHECK(read_health(dir)->status == "starting");
  REQUIRE(reset_health(*dir.open_dir("c")));
  CHECK(read_health_status(dir, "c") == "starting");
  CHECK(known_status("other").empty());
  REQUIRE(dir.write_file(k_health_file, R"({"schema": 2})", Sync::no));
  CHECK(read_health(dir).error().code() == Errc::unsupported);
}

TEST_CASE("the image's check is the container's, but for what the user says") {
  const oci::HealthConfig image{{"CMD", "look"}, 0s, 7s, 1s, 0};
  CHECK_FALSE(choose_health({}, {}));
  const auto plain = choose_health({}, image);
  REQUIRE(plain);
  CHECK(*plain == oci::HealthConfig{{"CMD", "look"}, 30s, 7s, 1s, 3});
  const auto changed = choose_health(oci::HealthConfig{{}, -1ns, 0s, -1ns, 9}, image);
  REQUIRE(changed);
  CHECK(*changed == oci::HealthConfig{{"CMD", "look"}, 0s, 7s, 0s, 9});
  CHECK_FALSE(choose_health(oci::HealthConfig{{}, 5s, 0s, 0s, 9}, {}));
  const auto none = choose_health(oci::HealthConfig{.test = {"NONE"}}, image);
  REQUIRE(none);
  CHECK(none->test == Words{"NONE"});
}

TEST_CASE("rules of health need a check, and the monitor a plan only with one") {
  ContainerRecord record;
  CHECK(check_health_rules(record.spec));
  CHECK_FALSE(plan_health(record));
  record.spec.health = oci::HealthConfig{.test = {"NONE"}};
  CHECK_FALSE(plan_health(record));
  record.spec.health_rules.on_failure = HealthAction::kill;
  CHECK(check_health_rules(record.spec).error().message() ==
        "cannot set on-failure action to kill without a health check");
  record.spec = checked_spec();
  record.spec.health->interval = 1ns;
  record.spec.health_rules.on_failure = HealthAction::stop;
  record.stop_signal = 3;
  record.stop_timeout_seconds = 4;
  CHECK(check_health_rules(record.spec));
  const auto plan = plan_health(record);
  REQUIRE(plan);
  CHECK(plan->interval == 1ms);
  CHECK_FALSE(plan->startup_interval);
  CHECK(plan->action == runtime::HealthPlan::Action::stop);
  CHECK(plan->stop_signal == 3);
  CHECK(plan->stop_timeout == 4s);
}

}  // namespace ctr::engine

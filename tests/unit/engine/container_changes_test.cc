#include "engine/container_changes.h"

#include "engine/health.h"
#include "engine/spec_gen.h"
#include "tests/catch.h"

namespace ctr::engine {

using std::chrono::seconds;

TEST_CASE("variables change in place, come behind, and go") {
  ContainerChanges changes;
  changes.env = {"B=2", "C=x=y", "B=3"};
  changes.unset_env = {"A", "AB"};
  CHECK(change_env({"A=1", "B=1", "BC=4"}, changes) == std::vector<std::string>{"B=3", "BC=4", "C=x=y"});
  CHECK(change_env({"A=1"}, {}) == std::vector<std::string>{"A=1"});
}

TEST_CASE("a variable that is set is no longer left out, also in a clone") {
  ContainerSpec spec;
  spec.unset_env = {"A", "B"};
  ContainerChanges changes;
  changes.env = {"A=1"};
  changes.unset_env = {"C"};
  REQUIRE(change_spec(spec, changes));
  CHECK(spec.env == std::vector<std::string>{"A=1"});
  CHECK(spec.unset_env == std::vector<std::string>{"B", "C"});
}

TEST_CASE("what is wrong with a health check by now keeps nothing else from being changed") {
  ContainerSpec spec;
  spec.health_rules.log_destination = "/nosuch/directory";
  ContainerChanges changes;
  changes.env = {"A=1"};
  CHECK(change_spec(spec, changes));
  changes.health.test = {"CMD", "a"};
  CHECK_FALSE(change_spec(spec, changes));
}

TEST_CASE("parts of a health check change, and the rest of it stays") {
  oci::HealthConfig check;
  check.test = {"CMD", "a"};
  check.interval = seconds(5);
  check.timeout = seconds(6);
  check.retries = 7;
  ContainerSpec spec;
  spec.health = check;
  HealthChanges changes;
  changes.test = {"CMD", "b"};
  changes.timeout = seconds(9);
  changes.on_failure = HealthAction::kill;
  changes.log_entries = 2;
  REQUIRE(change_health(spec, changes));
  check.test = {"CMD", "b"};
  check.timeout = seconds(9);
  CHECK(spec.health == check);
  CHECK(spec.health_rules.on_failure == HealthAction::kill);
  CHECK(spec.health_rules.log_entries == 2);
  CHECK(spec.health_rules.log_bytes == HealthRules().log_bytes);
  changes.none = true;
  spec.notify.mode = NotifySpec::Mode::healthy;
  CHECK_FALSE(change_health(spec, changes));
  spec.notify.mode = NotifySpec::Mode::container;
  REQUIRE(change_health(spec, changes));
  CHECK_FALSE(has_health_check(spec));
  CHECK(spec.health_rules == HealthRules());
}

TEST_CASE("a container without a health check gets one with its command only") {
  ContainerSpec spec;
  HealthChanges changes;
  changes.retries = 2;
  auto refused = change_health(spec, changes);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text() == "the container has no health check whose settings could change");
  changes.test = {"CMD", "a"};
  REQUIRE(change_health(spec, changes));
  CHECK(spec.health->interval == k_health_interval);
  CHECK(spec.health->retries == 2);
  changes = {};
  changes.startup_interval = seconds(1);
  refused = change_health(spec, changes);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text() == "the container has no startup health check whose settings could change");
  changes.startup_test = {"CMD", "up"};
  REQUIRE(change_health(spec, changes));
  CHECK(spec.health_rules.startup->interval == seconds(1));
  CHECK(spec.health_rules.startup->timeout == k_health_timeout);
  changes = {};
  changes.startup_test = {"NONE"};
  REQUIRE(change_health(spec, changes));
  CHECK_FALSE(spec.health_rules.startup);
}

TEST_CASE("a container that is removed when it ends takes no restart policy") {
  ContainerSpec spec;
  spec.auto_remove = true;
  ContainerChanges changes;
  changes.restart = RestartSpec{RestartSpec::Policy::always, 0};
  CHECK_FALSE(change_spec(spec, changes));
  changes.restart = RestartSpec{};
  CHECK(change_spec(spec, changes));
}

TEST_CASE("ulimits take the place of those of their name") {
  ContainerSpec spec;
  spec.ulimits = {{"nofile", 1, 2}, {"core", 0, 0}};
  ContainerChanges changes;
  changes.ulimits = {{"nofile", 3, -1}};
  REQUIRE(change_spec(spec, changes));
  CHECK(spec.ulimits == std::vector<UlimitSpec>{{"core", 0, 0}, {"nofile", 3, -1}});
  std::vector<runtime::SpecRlimit> rlimits = {{"RLIMIT_NOFILE", 1, 2}, {"RLIMIT_NPROC", 5, 5}};
  REQUIRE(change_rlimits(rlimits, changes.ulimits));
  CHECK(rlimits == std::vector<runtime::SpecRlimit>{{"RLIMIT_NPROC", 5, 5}, {"RLIMIT_NOFILE", 3, UINT64_MAX}});
}

}  // namespace ctr::engine

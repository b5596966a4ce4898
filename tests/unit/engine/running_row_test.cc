#include "engine/running_row.h"

#include "engine/container_info.h"
#include "tests/catch.h"

namespace ctr::engine {

namespace {

const std::string k_id(64, 'a');

ContainerRecord full_record() {
  ContainerRecord record;
  record.id = k_id;
  record.name = "old";
  record.image_name = "docker.io/library/busybox:latest";
  record.image_id = std::string(64, 'b');
  record.image_digest = "sha256:" + std::string(64, 'c');
  record.created = TimePoint(std::chrono::nanoseconds(1700000000123456789));
  record.argv = {"sh", "-c", "echo 3:abc; echo\n", ""};
  record.spec.labels = {{"a", "1:2"}};
  record.spec.mounts = {{MountSpec::Type::bind, "/srv", "/data", {"ro"}, ""}};
  record.spec.auto_remove = true;
  record.spec.health = oci::HealthConfig{{"CMD", "true"}, {}, {}, {}, 3};
  record.spec.restart = {RestartSpec::Policy::on_failure, 3};
  return record;
}

runtime::StateRecord running_state() {
  runtime::StateRecord state;
  state.monitor = runtime::ProcessRef{.pid = 41};
  state.init = runtime::ProcessRef{.pid = 42};
  state.started = TimePoint(std::chrono::nanoseconds(1700000001000000001));
  state.restart_count = 2;
  return state;
}

std::string full_row() { return running_row(row_of_record(full_record(), "web"), running_state()); }

}  // namespace

TEST_CASE("a row of a running container tells what its files tell") {
  ContainerInfo info;
  REQUIRE(read_running_row(k_id, full_row(), info));
  const auto record = full_record();
  CHECK(info.id.hex == k_id);
  CHECK(info.name == "web");
  CHECK(info.spec == summarize(record.spec));
  CHECK(info.image_name == record.image_name);
  CHECK(info.image_id == record.image_id);
  CHECK(info.image_digest == record.image_digest);
  CHECK(info.created == record.created);
  CHECK(info.argv == record.argv);
  CHECK(info.state == ContainerState::running);
  CHECK(info.pid == 42);
  CHECK(info.monitor_pid == 41);
  CHECK(info.started == running_state().started);
  CHECK(info.restart_count == 2);
}

TEST_CASE("nothing of one row is left in the next") {
  ContainerInfo info;
  REQUIRE(read_running_row(k_id, full_row(), info));
  info.error = "x";
  info.exit_code = 3;
  info.finished = info.created;
  info.oom_killed = info.restart_pending = info.stopped_by_user = true;
  ContainerRecord bare;
  bare.id = std::string(64, 'd');
  REQUIRE(read_running_row(bare.id, running_row(row_of_record(bare, "b"), running_state()), info));
  auto expected = info_of(summarize(bare));
  CHECK(info.id.hex == bare.id);
  CHECK(info.spec == expected.spec);
  CHECK(info.argv.empty());
  CHECK(info.image_name.empty());
  CHECK(info.error.empty());
  CHECK(info.exit_code == 0);
  CHECK_FALSE(info.finished);
  CHECK_FALSE(info.oom_killed);
  CHECK_FALSE(info.restart_pending);
  CHECK_FALSE(info.stopped_by_user);
}

TEST_CASE("a row that is cut, longer or of another form is none") {
  const auto row = full_row();
  ContainerInfo info;
  for (size_t length = 0; length < row.size(); ++length)
    CHECK_FALSE(read_running_row(k_id, row.substr(0, length), info));
  CHECK_FALSE(read_running_row(k_id, row + "x", info));
  CHECK_FALSE(read_running_row(k_id, row + "1:x", info));
  CHECK_FALSE(read_running_row(k_id, "1:3" + row.substr(3), info));
  CHECK_FALSE(read_running_row(k_id, R"({"schema":1})", info));
  CHECK_FALSE(read_running_row(k_id, "99999999999999999999:x", info));
  CHECK_FALSE(read_running_row(k_id, "-1:x", info));
}

TEST_CASE("nearly every row fits into a short slot") {
  ContainerRecord record;
  record.image_name = "docker.io/library/busybox:latest";
  record.image_id = std::string(64, 'b');
  record.image_digest = "sha256:" + std::string(64, 'c');
  record.created = TimePoint(std::chrono::nanoseconds(1700000000123456789));
  record.argv = {"sleep", "100000"};
  CHECK(running_row(row_of_record(record, "elegant_einstein"), running_state()).size() < 400);
}

}  // namespace ctr::engine

#include "runtime/state.h"

#include <unistd.h>

#include <csignal>

#include "base/child.h"
#include "base/lock.h"
#include "runtime/monitor_plan.h"
#include "tests/catch.h"
#include "tests/unit/runtime/scratch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

StateRecord full_record() {
  StateRecord record;
  record.boot_id = read_boot_id().value();
  record.monitor = ProcessRef{10, 20};
  record.init = ProcessRef{11, 21};
  record.cgroup_path = "/user.slice/ctr-1";
  record.started = TimePoint(std::chrono::nanoseconds(1'795'449'744'663'786'201));
  record.finished = *record.started + std::chrono::seconds(3);
  record.exit_code = 137;
  record.oom_killed = true;
  record.error = "mount proc at '/proc': Operation not permitted";
  record.restart_count = 2;
  record.restart_pending = true;
  record.stopped_by_user = true;
  return record;
}

}  // namespace

TEST_CASE("a state record comes back as it was written") {
  Scratch scratch;
  REQUIRE(write_state(scratch.dir(), full_record()));
  CHECK(read_state(scratch.dir()).value() == full_record());
  StateRecord waiting = full_record();
  waiting.initialized = true;
  REQUIRE(write_state(scratch.dir(), waiting));
  CHECK(read_state(scratch.dir()).value() == waiting);
  REQUIRE(write_state(scratch.dir(), StateRecord()));
  CHECK(read_state(scratch.dir()).value() == StateRecord());
}

TEST_CASE("a container without a state file was never started") {
  Scratch scratch;
  CHECK(read_state(scratch.dir()).value() == StateRecord());
  CHECK(observe(scratch.dir())->liveness == Liveness::never_started);
}

TEST_CASE("a newer state file is refused with both numbers") {
  Scratch scratch;
  scratch.write("state.json", R"({"schema":99})");
  Result<StateRecord> record = read_state(scratch.dir());
  REQUIRE_FALSE(record);
  CHECK(record.error().code() == Errc::unsupported);
  CHECK(record.error().text().find("99") != std::string::npos);
}

TEST_CASE("a process is known by its number and its start") {
  ProcessRef self = process_ref(::getpid()).value();
  CHECK(open_process(self));
  ProcessRef other = self;
  other.start_ticks -= 1;
  CHECK(open_process(other).error().code() == Errc::not_found);
  CHECK(process_ref(0x3ffffff).error().code() == Errc::not_found);
}

TEST_CASE("running is the lock, whatever the record says") {
  Scratch scratch;
  REQUIRE(write_state(scratch.dir(), full_record()));
  CHECK(observe(scratch.dir())->liveness == Liveness::ended);
  FileLock lock = FileLock::try_acquire(scratch.dir(), k_alive_lock, LockMode::exclusive).value().value();
  CHECK(observe(scratch.dir())->liveness == Liveness::running);
}

TEST_CASE("a program without a monitor is an orphan in its own boot only") {
  Scratch scratch;
  StateRecord record = full_record();
  record.finished.reset();
  record.exit_code = 0;
  record.init = process_ref(::getpid()).value();
  REQUIRE(write_state(scratch.dir(), record));
  Observation seen = observe(scratch.dir()).value();
  CHECK(seen.liveness == Liveness::orphaned);
  CHECK(seen.record == record);
  record.boot_id = "another boot";
  REQUIRE(write_state(scratch.dir(), record));
  seen = observe(scratch.dir()).value();
  CHECK(seen.liveness == Liveness::ended);
  CHECK(seen.record.exit_code == 137);
  CHECK_FALSE(seen.record.init);
  CHECK(kill_orphan(record));
}

TEST_CASE("one that waited to be started is what it was before") {
  Scratch scratch;
  StateRecord record;
  record.boot_id = "another boot";
  record.monitor = ProcessRef{10, 20};
  record.init = ProcessRef{11, 21};
  record.initialized = true;
  REQUIRE(write_state(scratch.dir(), record));
  Observation seen = observe(scratch.dir()).value();
  CHECK(seen.liveness == Liveness::never_started);
  CHECK_FALSE(seen.record.initialized);
  CHECK_FALSE(seen.record.init);
  record.started = record.finished = now();
  record.exit_code = 3;
  REQUIRE(write_state(scratch.dir(), record));
  seen = observe(scratch.dir()).value();
  CHECK(seen.liveness == Liveness::ended);
  CHECK(seen.record.exit_code == 3);
  // It is there in its own boot.
  record.boot_id = read_boot_id().value();
  record.init = process_ref(::getpid()).value();
  REQUIRE(write_state(scratch.dir(), record));
  CHECK(observe(scratch.dir())->liveness == Liveness::orphaned);
}

TEST_CASE("an orphan is killed") {
  SpawnOptions options;
  options.program = "/bin/sleep";
  options.argv = {"sleep", "1000"};
  Child child = spawn(options).value();
  StateRecord record = full_record();
  record.finished.reset();
  record.init = process_ref(child.pid()).value();
  REQUIRE(kill_orphan(record));
  CHECK(child.wait().value().signal == SIGKILL);
}

TEST_CASE("a launch plan comes back as it was sent") {
  LaunchPlan plan;
  plan.container_id = std::string(64, 'c');
  plan.name = "web";
  plan.bundle = "/home/u/.local/share/ctr/containers/c";
  plan.run_dir = "/run/user/1000/ctr/containers/c";
  plan.spec.process = SpecProcess();
  plan.spec.process->args = {"sh", "-c", "exit 1"};
  plan.seccomp_flags = 4;
  plan.init_program = "/usr/libexec/catatonit";
  plan.log.driver = LogPlan::Driver::none;
  plan.log.path = "/x/log";
  plan.log.max_size_bytes = 1000;
  plan.stdin_open = true;
  plan.timeout = std::chrono::seconds(5);
  plan.attach = StarterAttach{.stdin_ = true, .stdout_ = false, .stderr_ = true};
  plan.restart_count = 4;
  plan.initialize = true;
  plan.notify = NotifyPlan{"/run/manager", true, false};
  plan.health = HealthPlan{.interval = std::chrono::milliseconds(30),
                           .startup_interval = std::chrono::milliseconds(7),
                           .action = HealthPlan::Action::stop,
                           .stop_signal = 9,
                           .stop_timeout = std::chrono::seconds(2)};
  plan.engine = Json::object().set("network", "private");
  Json json = to_json(plan);
  Result<LaunchPlan> read = launch_plan_from_json(JsonReader(json, "plan"));
  REQUIRE(read);
  CHECK(*read == plan);
}

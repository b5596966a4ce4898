#include "runtime/monitor_health.h"

#include <fcntl.h>
#include <poll.h>

#include <vector>

#include "tests/catch.h"

namespace ctr::runtime {
namespace {

using std::chrono::milliseconds;

Result<Child> exit_with(const std::string& code) {
  return spawn({.program = "/bin/sh", .argv = {"sh", "-c", "exit " + code}, .env = {}});
}

// Checks that end with `codes`, one after the other, until the last; and how the watch saw them.
struct Seen {
  std::vector<CheckEnd> ends;
  std::vector<std::chrono::steady_clock::time_point> times;
};
Seen watch(const HealthPlan& plan, const std::vector<std::string>& codes) {
  EventLoop loop = EventLoop::create().value();
  Seen seen;
  size_t next = 0;
  HealthWatch watch(
      loop, plan,
      [&]() -> Result<Child> {
        seen.times.push_back(std::chrono::steady_clock::now());
        return exit_with(codes.at(next++));
      },
      [&](CheckEnd end) {
        seen.ends.push_back(end);
        if (next == codes.size()) loop.stop();
      });
  loop.add_timer(std::chrono::seconds(20), [&] { loop.stop(); });
  REQUIRE(loop.run());
  return seen;
}

}  // namespace

TEST_CASE("checks follow each other at the interval, and their exit codes say how they went") {
  HealthPlan plan;
  plan.interval = milliseconds(50);
  const Seen seen = watch(plan, {"0", "1", "2", "99", "0"});
  CHECK(seen.ends ==
        std::vector{CheckEnd::passed, CheckEnd::failed, CheckEnd::unhealthy, CheckEnd::failed, CheckEnd::passed});
  CHECK(seen.times.back() - seen.times.front() >= milliseconds(200));
}

TEST_CASE("the startup interval holds until the startup check has passed") {
  HealthPlan plan;
  plan.interval = milliseconds(60'000);
  plan.startup_interval = milliseconds(1);
  const Seen seen = watch(plan, {"1", "4", "0", "3"});
  CHECK(seen.ends == std::vector{CheckEnd::failed, CheckEnd::startup_failed, CheckEnd::passed, CheckEnd::started});
}

TEST_CASE("without an interval nothing is started") {
  EventLoop loop = EventLoop::create().value();
  HealthWatch watch(
      loop, HealthPlan(),
      []() -> Result<Child> {
        FAIL("a check was started");
        return exit_with("0");
      },
      [](CheckEnd) { FAIL("a check has ended"); });
  loop.add_timer(milliseconds(50), [&] { loop.stop(); });
  CHECK(loop.run());
}

TEST_CASE("a check that cannot be started is tried again, and one that runs at the end is killed") {
  EventLoop loop = EventLoop::create().value();
  HealthPlan plan;
  plan.interval = milliseconds(1);
  int starts = 0;
  Fd running;
  {
    HealthWatch watch(
        loop, plan,
        [&]() -> Result<Child> {
          if (++starts < 3) return Error(Errc::internal, "no processes are left");
          Child child = TRY(spawn({.program = "/bin/sh", .argv = {"sh", "-c", "sleep 1000"}, .env = {}}));
          running = Fd(::fcntl(child.pidfd(), F_DUPFD_CLOEXEC, 3));
          loop.stop();
          return child;
        },
        [](CheckEnd) { FAIL("a check has ended"); });
    CHECK(loop.run());
  }
  CHECK(starts == 3);
  REQUIRE(running.valid());
  pollfd entry = {running.get(), POLLIN, 0};
  CHECK(::poll(&entry, 1, 0) == 1);
}

}  // namespace ctr::runtime

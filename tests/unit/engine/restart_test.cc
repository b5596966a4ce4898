#include "engine/restart.h"

#include <set>

#include "base/file.h"
#include "engine/lingering.h"
#include "tests/catch.h"

namespace ctr::engine {
namespace {

using Policy = RestartSpec::Policy;
using namespace std::chrono_literals;

runtime::StateRecord ended(int exit_code, int restart_count) {
  runtime::StateRecord state;
  state.exit_code = exit_code;
  state.restart_count = restart_count;
  return state;
}

}  // namespace

TEST_CASE("a policy says who is started again") {
  CHECK_FALSE(wants_restart({Policy::no, 0}, ended(1, 0)));
  CHECK(wants_restart({Policy::always, 0}, ended(0, 1000)));
  CHECK(wants_restart({Policy::unless_stopped, 0}, ended(0, 0)));
  CHECK_FALSE(wants_restart({Policy::on_failure, 0}, ended(0, 0)));
  CHECK(wants_restart({Policy::on_failure, 0}, ended(137, 1000)));
  CHECK(wants_restart({Policy::on_failure, 2}, ended(1, 1)));
  CHECK_FALSE(wants_restart({Policy::on_failure, 2}, ended(1, 2)));
}

TEST_CASE("the delay before a restart grows up to a minute, and begins anew after a good run") {
  CHECK(restart_delay(0ms, 1s) == 100ms);
  CHECK(restart_delay(100ms, 1s) == 200ms);
  CHECK(restart_delay(25'600ms, 9s) == 51'200ms);
  CHECK(restart_delay(51'200ms, 1s) == 60s);
  CHECK(restart_delay(60s, 0s) == 60s);
  CHECK(restart_delay(60s, 10s) == 100ms);
}

TEST_CASE("a restart is due unless somebody has started or stopped the container since") {
  runtime::LaunchPlan plan;
  plan.cgroup.kind = runtime::CgroupPlan::Kind::split;
  MonitorOrders orders;
  orders.restart_delay = 400ms;
  auto state = ended(1, 2);
  state.started = from_unix_seconds(1'700'000'000);
  state.finished = from_unix_seconds(1'700'000'003);
  state.restart_pending = true;
  const auto order = next_restart(plan, orders, state);
  CHECK(order.count == 3);
  CHECK(order.delay == 800ms);
  // The cgroup has been split already.
  CHECK(order.cgroup.kind == runtime::CgroupPlan::Kind::directory);
  CHECK(is_due(order, state));
  auto again = state;
  again.finished = from_unix_seconds(1'700'000'004);
  CHECK_FALSE(is_due(order, again));
  auto stopped = state;
  stopped.restart_pending = false;
  CHECK_FALSE(is_due(order, stopped));
}

TEST_CASE("a restart is pending as long as its process is there") {
  auto state = ended(1, 0);
  state.restart_pending = true;
  CHECK_FALSE(is_restart_pending(state));
  state.monitor = runtime::process_ref(getpid()).value();
  CHECK(is_restart_pending(state));
  ++state.monitor->start_ticks;
  CHECK_FALSE(is_restart_pending(state));
}

TEST_CASE("the monitor's orders have the policy only where there is one") {
  MonitorOrders orders;
  orders.name = "web";
  CHECK(to_json(orders).find("restart") == nullptr);
  CHECK(*monitor_orders_from_json(to_json(orders)) == orders);
  orders.restart = {Policy::on_failure, 3};
  orders.restart_delay = 200ms;
  orders.passed_ports = {0, 3};
  CHECK(*monitor_orders_from_json(to_json(orders)) == orders);
}

TEST_CASE("who has no lingering is told so when a container is to run always") {
  std::set<std::string> files = {"/run/systemd/system"};
  const auto exists = [&](const std::string& path) { return files.contains(path); };
  const auto notice = lingering_notice({Policy::always, 0}, 1000, "alice", exists);
  REQUIRE(notice);
  CHECK(notice->starts_with("lingering is off for user 'alice'"));
  CHECK(notice->ends_with("loginctl enable-linger"));
  CHECK(lingering_notice({Policy::unless_stopped, 0}, 1000, "alice", exists));
  CHECK_FALSE(lingering_notice({Policy::on_failure, 0}, 1000, "alice", exists));
  CHECK_FALSE(lingering_notice({Policy::always, 0}, 0, "root", exists));
  files.insert("/var/lib/systemd/linger/alice");
  CHECK_FALSE(lingering_notice({Policy::always, 0}, 1000, "alice", exists));
  files.clear();
  CHECK_FALSE(lingering_notice({Policy::always, 0}, 1000, "alice", exists));
}

}  // namespace ctr::engine

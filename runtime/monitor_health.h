// Runs the health check of a container over and over: one process at a time, whose exit code says how it went.
#pragma once

#include <functional>
#include <optional>

#include "base/child.h"
#include "base/loop.h"
#include "base/result.h"
#include "runtime/monitor_plan.h"

namespace ctr::runtime {

// The exit codes of a check.
enum class CheckEnd {
  passed = 0,
  failed = 1,          // also every other code: a check that could not be made
  unhealthy = 2,       // failed as often as it may
  started = 3,         // the startup check has passed as often as it must: the ordinary one takes over
  startup_failed = 4,  // as often as it may
};

class [[nodiscard]] HealthWatch {
 public:
  // `loop` outlives this object. The first check starts after the delay, each further one the interval after the end of
  // the one before it. `on_end` may not destroy this object.
  HealthWatch(EventLoop& loop, const HealthPlan& plan, std::function<Result<Child>()> start_check,
              std::function<void(CheckEnd)> on_end);
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;
  // A check that still runs is killed.
  ~HealthWatch();

 private:
  std::chrono::milliseconds interval() const;
  void run_check();
  void on_check_end();
  void wait();

  EventLoop& loop_;
  HealthPlan plan_;
  std::function<Result<Child>()> start_check_;
  std::function<void(CheckEnd)> on_end_;
  std::optional<Child> check_;
  std::optional<EventLoop::TimerId> timer_;
};

}  // namespace ctr::runtime

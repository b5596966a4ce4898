#include "runtime/monitor_health.h"

#include <sys/epoll.h>

#include <utility>

namespace ctr::runtime {

namespace {

CheckEnd end_of(const Result<ExitStatus>& status) {
  if (!status || status->code < 0 || status->code > static_cast<int>(CheckEnd::startup_failed)) return CheckEnd::failed;
  return static_cast<CheckEnd>(status->code);
}

}  // namespace

HealthWatch::HealthWatch(EventLoop& loop, const HealthPlan& plan, std::function<Result<Child>()> start_check,
                         std::function<void(CheckEnd)> on_end)
    : loop_(loop), plan_(plan), start_check_(std::move(start_check)), on_end_(std::move(on_end)) {
  if (interval().count() <= 0) return;
  if (plan_.delay.count() > 0) {
    timer_ = loop_.add_timer(plan_.delay, [this] { run_check(); });
  } else {
    run_check();
  }
}

HealthWatch::~HealthWatch() {
  if (timer_) loop_.cancel_timer(*timer_);
  if (check_) loop_.remove(check_->pidfd());
}

std::chrono::milliseconds HealthWatch::interval() const { return plan_.startup_interval.value_or(plan_.interval); }

void HealthWatch::run_check() {
  timer_.reset();
  Result<Child> started = start_check_();
  // Without memory or processes for a check: the next one may have them.
  if (!started) return wait();
  check_.emplace(std::move(*started));
  const Result<void> watched = loop_.add(check_->pidfd(), EPOLLIN, [this](uint32_t) { on_check_end(); });
  if (watched) return;
  check_.reset();
  wait();
}

void HealthWatch::on_check_end() {
  loop_.remove(check_->pidfd());
  const CheckEnd end = end_of(check_->wait());
  check_.reset();
  if (end == CheckEnd::started) plan_.startup_interval.reset();
  wait();
  on_end_(end);
}

void HealthWatch::wait() {
  if (interval().count() > 0) timer_ = loop_.add_timer(interval(), [this] { run_check(); });
}

}  // namespace ctr::runtime

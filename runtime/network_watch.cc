#include "runtime/network_watch.h"

#include <sys/epoll.h>

#include <utility>

namespace ctr::runtime {
namespace {

constexpr std::chrono::milliseconds k_after_failure{100};

}  // namespace

void NetworkWatch::watch() {
  if (!network_) return;
  for (const int pidfd : network_->children()) {
    if (!pidfds_.insert(pidfd).second) continue;
    loop_.add(pidfd, EPOLLIN, [this, pidfd](uint32_t) { on_child(pidfd); })
        .ignore("a helper that cannot be watched is not started again");
  }
  for (const int fd : network_->sources()) {
    if (!sources_.insert(fd).second) continue;
    loop_.add(fd, EPOLLIN, [this, fd](uint32_t) { on_source(fd); })
        .ignore("what the network does not hear of does not change");
  }
}

Result<void> NetworkWatch::change(const Json& order, Fd fd) {
  if (!network_) return Error(Errc::unsupported, "there is no network of its own");
  forget_children();
  auto changed = network_->change(order, std::move(fd));
  watch();
  // A change that has failed may have ended what it could not start again.
  if (!changed) respawn_after(k_after_failure);
  return changed;
}

void NetworkWatch::stop() {
  if (!network_) return;
  forget_children();
  for (const int fd : std::exchange(sources_, {})) loop_.remove(fd);
  network_->stop();
  stopped_ = std::move(network_);
}

// A helper that goes with a change is no accident, and its number may be another's afterwards.
void NetworkWatch::forget_children() {
  for (const int pidfd : std::exchange(pidfds_, {})) loop_.remove(pidfd);
}

void NetworkWatch::on_source(int fd) {
  forget_children();
  const auto again = network_->on_source(fd);
  watch();
  respawn_after(again);
}

void NetworkWatch::on_child(int pidfd) {
  loop_.remove(pidfd);
  pidfds_.erase(pidfd);
  respawn_after(network_->child_ended(pidfd));
}

// One start serves all that have ended, and so the first time that is wanted is the one.
void NetworkWatch::respawn_after(std::optional<std::chrono::milliseconds> delay) {
  if (!delay) return;
  const auto due = std::chrono::steady_clock::now() + *delay;
  if (timer_ != 0 && due_ <= due) return;
  if (timer_ != 0) loop_.cancel_timer(timer_);
  due_ = due;
  timer_ = loop_.add_timer(*delay, [this] {
    timer_ = 0;
    if (!network_) return;
    const auto again = network_->respawn();
    watch();
    respawn_after(again);
  });
}

}  // namespace ctr::runtime

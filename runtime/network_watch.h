// The network of a container or a pod in its monitor's loop: what serves it is kept alive, and what users want to be
// different is done.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <set>

#include "base/fd.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/result.h"
#include "runtime/monitor.h"

namespace ctr::runtime {

class [[nodiscard]] NetworkWatch {
 public:
  // `loop` outlives it.
  explicit NetworkWatch(EventLoop& loop) : loop_(loop) {}

  // nullptr: there is none, and nothing below does anything.
  void use(std::unique_ptr<NetworkSetup> network) {
    stopped_.reset();
    network_ = std::move(network);
  }
  bool present() const { return network_ != nullptr; }

  Result<void> configure(const CreatedProcess& process) { return network_ ? network_->configure(process) : ok(); }
  Result<void> connect(const CreatedProcess& process) { return network_ ? network_->connect(process) : ok(); }
  Result<void> finish(const CreatedProcess& process) { return network_ ? network_->finish(process) : ok(); }
  // From now on helpers that end are started again.
  void watch();
  // See NetworkSetup::change(). Errors: unsupported without a network.
  Result<void> change(const Json& order, Fd fd);
  // Ends all helpers: then there is no network any more. What is left of it goes with this object or the next network.
  void stop();

 private:
  void forget_children();
  void on_child(int pidfd);
  void on_source(int fd);
  void respawn_after(std::optional<std::chrono::milliseconds> delay);

  EventLoop& loop_;
  std::unique_ptr<NetworkSetup> network_, stopped_;
  std::set<int> pidfds_;
  std::set<int> sources_;
  EventLoop::TimerId timer_ = 0;  // until what has ended is started again
  std::chrono::steady_clock::time_point due_;
};

}  // namespace ctr::runtime

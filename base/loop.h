// One epoll loop a process: descriptors, timers, nothing else.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/fd.h"
#include "base/result.h"

namespace ctr {

// Handlers run one after the other on the caller's thread; they may add and remove entries, also their own.
class [[nodiscard]] EventLoop {
 public:
  using Handler = std::function<void(uint32_t events)>;
  using Timer = std::function<void()>;
  using TimerId = uint64_t;

  static Result<EventLoop> create();
  EventLoop(EventLoop&&) noexcept;
  EventLoop& operator=(EventLoop&&) noexcept;
  ~EventLoop();

  // `events` as of epoll_ctl(2). Does not own `fd`; remove it before closing.
  Result<void> add(int fd, uint32_t events, Handler handler);
  Result<void> change(int fd, uint32_t events);
  void remove(int fd);
  TimerId add_timer(std::chrono::milliseconds after, Timer timer);
  void cancel_timer(TimerId id);
  // Runs handlers until stop() is called.
  Result<void> run();
  void stop();

 private:
  struct State;
  explicit EventLoop(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ctr

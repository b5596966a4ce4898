#include "base/loop.h"

#include <sys/epoll.h>

#include <array>
#include <utility>

namespace ctr {
namespace {

using std::chrono::steady_clock;

}  // namespace

struct EventLoop::State {
  // `serial` tells a descriptor from a later one with the same number, of which an event may still be in the batch.
  struct Entry {
    uint32_t serial = 0;
    std::shared_ptr<Handler> handler;
  };
  using Deadline = std::pair<steady_clock::time_point, TimerId>;

  Fd epoll;
  std::map<int, Entry> entries;
  std::map<Deadline, Timer> timers;
  uint32_t last_serial = 0;
  TimerId last_timer = 0;
  bool stopped = false;

  int timeout() const;
  void run_due_timers();
  void dispatch(const epoll_event& event);
};

// Milliseconds until the first timer, rounded up so that it is due then; -1 without timers.
int EventLoop::State::timeout() const {
  if (timers.empty()) return -1;
  auto wait = std::chrono::ceil<std::chrono::milliseconds>(timers.begin()->first.first - steady_clock::now());
  constexpr int k_longest = 3'600'000;  // an hour later we look again
  return wait.count() < 0 ? 0 : wait.count() > k_longest ? k_longest : static_cast<int>(wait.count());
}

void EventLoop::State::run_due_timers() {
  // Timers that a timer adds wait for the next turn, so that descriptors are never starved.
  Deadline now_and_before(steady_clock::now(), last_timer);
  while (!stopped && !timers.empty() && timers.begin()->first <= now_and_before) {
    Timer timer = std::move(timers.begin()->second);
    timers.erase(timers.begin());
    timer();
  }
}

void EventLoop::State::dispatch(const epoll_event& event) {
  auto found = entries.find(static_cast<int>(event.data.u64 & UINT32_MAX));
  if (found == entries.end() || found->second.serial != event.data.u64 >> 32U) return;
  // Held here, since the handler may remove itself.
  std::shared_ptr<Handler> handler = found->second.handler;
  (*handler)(event.events);
}

EventLoop::EventLoop(std::unique_ptr<State> state) : state_(std::move(state)) {}
EventLoop::EventLoop(EventLoop&&) noexcept = default;
EventLoop& EventLoop::operator=(EventLoop&&) noexcept = default;
EventLoop::~EventLoop() = default;

Result<EventLoop> EventLoop::create() {
  auto state = std::make_unique<State>();
  state->epoll = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!state->epoll.valid()) return Error::from_errno("create an event loop");
  return EventLoop(std::move(state));
}

Result<void> EventLoop::add(int fd, uint32_t events, Handler handler) {
  uint32_t serial = ++state_->last_serial;
  epoll_event event{};
  event.events = events;
  event.data.u64 = (uint64_t{serial} << 32U) | static_cast<uint32_t>(fd);
  if (::epoll_ctl(state_->epoll.get(), EPOLL_CTL_ADD, fd, &event) < 0) {
    return Error::from_errno("watch descriptor " + std::to_string(fd));
  }
  state_->entries[fd] = {.serial = serial, .handler = std::make_shared<Handler>(std::move(handler))};
  return ok();
}

Result<void> EventLoop::change(int fd, uint32_t events) {
  auto found = state_->entries.find(fd);
  CTR_ASSERT(found != state_->entries.end());
  epoll_event event{};
  event.events = events;
  event.data.u64 = (uint64_t{found->second.serial} << 32U) | static_cast<uint32_t>(fd);
  if (::epoll_ctl(state_->epoll.get(), EPOLL_CTL_MOD, fd, &event) < 0) {
    return Error::from_errno("watch descriptor " + std::to_string(fd));
  }
  return ok();
}

void EventLoop::remove(int fd) {
  if (state_->entries.erase(fd) > 0) (void)::epoll_ctl(state_->epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerId EventLoop::add_timer(std::chrono::milliseconds after, Timer timer) {
  TimerId id = ++state_->last_timer;
  state_->timers.emplace(State::Deadline(steady_clock::now() + after, id), std::move(timer));
  return id;
}

void EventLoop::cancel_timer(TimerId id) {
  std::erase_if(state_->timers, [id](const auto& entry) { return entry.first.second == id; });
}

Result<void> EventLoop::run() {
  State& state = *state_;
  state.stopped = false;
  while (!state.stopped) {
    std::array<epoll_event, 32> events;
    int count = ::epoll_wait(state.epoll.get(), events.data(), static_cast<int>(events.size()), state.timeout());
    if (count < 0 && errno != EINTR) return Error::from_errno("wait for events");
    for (int i = 0; i < count && !state.stopped; ++i) state.dispatch(events.at(static_cast<size_t>(i)));
    state.run_due_timers();
  }
  return ok();
}

void EventLoop::stop() { state_->stopped = true; }

}  // namespace ctr

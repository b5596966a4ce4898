#include "base/loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/cancel.h"
#include "tests/catch.h"

using namespace std::chrono_literals;
using ctr::EventLoop;

TEST_CASE("a handler runs when its descriptor is readable") {
  auto loop = EventLoop::create().value();
  auto pipe = ctr::make_pipe().value();
  std::string seen;
  REQUIRE(loop.add(pipe.read_end.get(), EPOLLIN, [&](uint32_t events) {
    if ((events & EPOLLIN) != 0) seen = "in";
    loop.stop();
  }));
  REQUIRE(ctr::write_all(pipe.write_end.get(), "x", "a pipe"));
  REQUIRE(loop.run());
  CHECK(seen == "in");
}

TEST_CASE("timers run in the order of their times") {
  auto loop = EventLoop::create().value();
  std::vector<int> order;
  loop.add_timer(20ms, [&] {
    order.push_back(2);
    loop.stop();
  });
  loop.add_timer(1ms, [&] { order.push_back(1); });
  auto cancelled = loop.add_timer(2ms, [&] { order.push_back(3); });
  loop.cancel_timer(cancelled);
  REQUIRE(loop.run());
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("a handler may remove itself and others that are due") {
  auto loop = EventLoop::create().value();
  auto one = ctr::make_pipe().value();
  auto two = ctr::make_pipe().value();
  int calls = 0;
  auto once = [&](uint32_t) {
    ++calls;
    loop.remove(one.read_end.get());
    loop.remove(two.read_end.get());
    loop.add_timer(0ms, [&] { loop.stop(); });
  };
  REQUIRE(loop.add(one.read_end.get(), EPOLLIN, once));
  REQUIRE(loop.add(two.read_end.get(), EPOLLIN, once));
  one.write_end.reset();
  two.write_end.reset();
  REQUIRE(loop.run());
  CHECK(calls == 1);
}

TEST_CASE("an event of a removed descriptor does not reach its successor of the same number") {
  auto loop = EventLoop::create().value();
  auto one = ctr::make_pipe().value();
  auto two = ctr::make_pipe().value();
  one.write_end.reset();
  two.write_end.reset();
  bool wrong = false;
  bool swapped = false;
  int first = one.read_end.get();
  int second = two.read_end.get();
  // Whichever handler comes first replaces the descriptor of the other by a pipe that is never ready.
  auto replace = [&](ctr::Fd& other) {
    if (swapped) return;
    swapped = true;
    int number = other.get();
    loop.remove(number);
    static ctr::Pipe quiet = ctr::make_pipe().value();
    REQUIRE(::dup3(quiet.read_end.get(), number, O_CLOEXEC) == number);
    REQUIRE(loop.add(number, EPOLLIN, [&](uint32_t) { wrong = true; }));
    loop.remove(number == first ? second : first);
    loop.add_timer(1ms, [&] { loop.stop(); });
  };
  REQUIRE(loop.add(first, EPOLLIN, [&](uint32_t) { replace(two.read_end); }));
  REQUIRE(loop.add(second, EPOLLIN, [&](uint32_t) { replace(one.read_end); }));
  REQUIRE(loop.run());
  CHECK(swapped);
  CHECK_FALSE(wrong);
}

TEST_CASE("a watched descriptor can change what it waits for") {
  auto loop = EventLoop::create().value();
  auto pipe = ctr::make_pipe().value();
  int calls = 0;
  REQUIRE(loop.add(pipe.write_end.get(), 0, [&](uint32_t) {
    ++calls;
    loop.stop();
  }));
  loop.add_timer(1ms, [&] { REQUIRE(loop.change(pipe.write_end.get(), EPOLLOUT)); });
  REQUIRE(loop.run());
  CHECK(calls == 1);
  CHECK_FALSE(loop.add(pipe.write_end.get(), EPOLLOUT, [](uint32_t) {}));
}

TEST_CASE("a token fires while its descriptor is readable") {
  CHECK_FALSE(ctr::CancelToken().requested());
  CHECK(ctr::CancelToken().check());
  sigset_t signals;
  sigset_t before;
  ::sigprocmask(SIG_SETMASK, nullptr, &before);
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGUSR1);
  auto fd = ctr::make_signal_fd(signals).value();
  ctr::CancelToken token(fd.get());
  CHECK_FALSE(token.requested());
  REQUIRE(::raise(SIGUSR1) == 0);
  CHECK(token.requested());
  CHECK(token.check().error().code() == ctr::Errc::interrupted);
  char info[256];
  CHECK(::read(fd.get(), info, sizeof info) > 0);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

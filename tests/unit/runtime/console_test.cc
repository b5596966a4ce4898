#include "runtime/console.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "base/child.h"
#include "runtime/join.h"
#include "runtime/join_input.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

// A pseudo-terminal: `person` is the side of the screen and the keyboard.
struct Terminal {
  Fd person;
  Fd program;
  static Terminal open() {
    int master = -1;
    int slave = -1;
    REQUIRE(::openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
    Terminal terminal{Fd(master), Fd(slave)};
    REQUIRE(set_inherit(master, Inherit::no));
    REQUIRE(set_inherit(slave, Inherit::no));
    return terminal;
  }
  termios modes() const {
    termios found = {};
    (void)::tcgetattr(program.get(), &found);
    return found;
  }
  bool echoes() const { return (modes().c_lflag & ECHO) != 0; }
};

std::string feed(DetachMatcher& matcher, std::string_view input) {
  DetachMatcher::Step step = matcher.feed(input);
  return step.pass + (step.detached ? "!" : "");
}

Child start(const std::string& program, std::vector<std::string> argv, std::vector<std::pair<int, int>> fds) {
  SpawnOptions options;
  options.program = program;
  options.argv = std::move(argv);
  options.fds = std::move(fds);
  return spawn(options).value();
}

std::string read_some(int fd) {
  pollfd entry = {fd, POLLIN, 0};
  REQUIRE(::poll(&entry, 1, 5000) == 1);
  char buffer[4096];
  ssize_t size = ::read(fd, buffer, sizeof(buffer));
  return size > 0 ? std::string(buffer, static_cast<size_t>(size)) : "";
}

}  // namespace

TEST_CASE("detach keys are control characters and letters") {
  CHECK(parse_detach_keys("ctrl-p,ctrl-q").value() == "\x10\x11");
  CHECK(parse_detach_keys("ctrl-@").value() == std::string(1, '\0'));
  CHECK(parse_detach_keys("ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_").value() == "\x1b\x1c\x1d\x1e\x1f");
  CHECK(parse_detach_keys("a,ctrl-A,z").value() == "a\x01z");
  CHECK(parse_detach_keys("").value().empty());
  for (const char* wrong : {"ctrl-", "ctrl-1", "ctrl-aa", "alt-x", ",", "ctrl-p,", "ab"}) {
    INFO(wrong);
    CHECK(parse_detach_keys(wrong).error().code() == Errc::invalid);
  }
}

TEST_CASE("the detach sequence is found over the borders of reads") {
  DetachMatcher matcher("\x10\x11");
  CHECK(feed(matcher, "ls\n") == "ls\n");
  CHECK(feed(matcher, "x\x10") == "x");
  CHECK(feed(matcher, "y") == "\x10y");
  CHECK(feed(matcher, "\x10\x10") == "\x10");
  CHECK(feed(matcher, "\x11rest") == "!");
}

TEST_CASE("a sequence that begins again inside itself is found") {
  DetachMatcher matcher("aab");
  CHECK(feed(matcher, "a") == "");
  CHECK(feed(matcher, "aa") == "a");
  CHECK(feed(matcher, "b") == "!");
  DetachMatcher other("aaa");
  CHECK(feed(other, "aab") == "aab");
  CHECK(feed(other, "aaa") == "!");
}

TEST_CASE("without keys everything is passed on") {
  DetachMatcher matcher("");
  CHECK(feed(matcher, "\x10\x11") == "\x10\x11");
}

TEST_CASE("raw mode is undone") {
  Terminal terminal = Terminal::open();
  REQUIRE(terminal.echoes());
  tcflag_t output = terminal.modes().c_oflag;
  {
    Result<RawMode> raw = RawMode::enter(terminal.program.get());
    REQUIRE(raw);
    CHECK_FALSE(terminal.echoes());
    CHECK((terminal.modes().c_lflag & ISIG) == 0);
  }
  CHECK(terminal.echoes());
  CHECK(terminal.modes().c_oflag == output);
}

TEST_CASE("window sizes are read and set") {
  Terminal terminal = Terminal::open();
  REQUIRE(set_window_size(terminal.person.get(), {.rows = 33, .columns = 101}));
  CHECK(window_size(terminal.program.get()) == WindowSize{33, 101});
  CHECK_FALSE(window_size(-1));
  Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  CHECK_FALSE(window_size(null.get()));
}

TEST_CASE("an output that nobody reads does not block, and loses nothing") {
  Pipe pipe = make_pipe().value();
  OutputSink sink(pipe.write_end.get());
  std::string block(100'000, 'b');
  Result<OutputSink::State> state = sink.write(block);
  REQUIRE(state);
  CHECK(*state == OutputSink::State::blocked);
  CHECK((::fcntl(pipe.write_end.get(), F_GETFL) & O_NONBLOCK) == 0);
  std::string all;
  while (!sink.idle()) {
    all += read_some(pipe.read_end.get());
    REQUIRE(sink.flush());
  }
  while (all.size() < block.size()) all += read_some(pipe.read_end.get());
  CHECK(all == block);
}

TEST_CASE("an output whose reader has gone is said to be broken once") {
  Pipe pipe = make_pipe().value();
  JoinSignals signals = JoinSignals::block().value();
  OutputSink sink(pipe.write_end.get());
  pipe.read_end.reset();
  CHECK(sink.write("x").value() == OutputSink::State::broken);
  CHECK(sink.write("y").value() == OutputSink::State::idle);
  CHECK_FALSE(signals.next());
}

TEST_CASE("input ends with a file, and detach keys count on terminals only") {
  Pipe pipe = make_pipe().value();
  REQUIRE(write_all(pipe.write_end.get(), "\x10\x11", "test"));
  pipe.write_end.reset();
  InputSource input(pipe.read_end.get(), "\x10\x11");
  CHECK(input.read(100, false) == InputSource::State::data);
  CHECK(input.waiting() == "\x10\x11");
  CHECK_FALSE(input.wants_read());
  input.consume(2);
  CHECK(input.read(100, false) == InputSource::State::end);
  CHECK_FALSE(input.wants_read());
}

TEST_CASE("a console joins a program to the caller's pipes and ends with it") {
  Terminal terminal = Terminal::open();
  Child child = start("/bin/sh", {"sh", "-c", "read line; echo got:$line; exit 3"},
                      {{terminal.program.get(), 0}, {terminal.program.get(), 1}});
  terminal.program.reset();
  Pipe input = make_pipe().value();
  Pipe output = make_pipe().value();
  REQUIRE(write_all(input.write_end.get(), "hello\n", "test"));
  JoinOptions options{.stdin_fd = input.read_end.get(), .stdout_fd = output.write_end.get()};
  Result<JoinEnd> end = join_console(terminal.person.get(), child.pidfd(), options);
  REQUIRE(end);
  CHECK_FALSE(end->detached);
  CHECK(child.wait().value().code == 3);
  output.write_end.reset();
  CHECK_THAT(read_all(output.read_end.get(), 1000, "test").value(),
             Catch::Matchers::ContainsSubstring("got:hello\r\n"));
}

TEST_CASE("a console tells the program the size of the caller's window, and detaches") {
  Terminal outer = Terminal::open();
  Terminal inner = Terminal::open();
  REQUIRE(set_window_size(outer.person.get(), {.rows = 40, .columns = 90}));
  Child child = start("/bin/cat", {"cat"}, {{inner.program.get(), 0}});
  // Typed once the terminal is raw: before, it would take ctrl-q for itself.
  std::thread person([&] {
    for (int i = 0; i < 1000 && outer.echoes(); ++i) ::poll(nullptr, 0, 5);
    write_all(outer.person.get(), "\x10\x11", "test").ignore("seen by the detaching");
  });
  JoinOptions options{.stdin_fd = outer.program.get(), .stdout_fd = outer.program.get(), .detach_keys = "\x10\x11"};
  Result<JoinEnd> end = join_console(inner.person.get(), child.pidfd(), options);
  person.join();
  if (!end) FAIL(end.error().text());
  CHECK(end->detached);
  CHECK(window_size(inner.program.get()) == WindowSize{40, 90});
  CHECK(outer.echoes());
}

TEST_CASE("a signal ends a console without proxy, and the terminal is restored") {
  Terminal outer = Terminal::open();
  Terminal inner = Terminal::open();
  Child child = start("/bin/cat", {"cat"}, {{inner.program.get(), 0}});
  // Pending before the loop begins, so that it is the first thing the loop sees.
  sigset_t set = {};
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  sigset_t former = {};
  REQUIRE(::sigprocmask(SIG_BLOCK, &set, &former) == 0);
  REQUIRE(::raise(SIGTERM) == 0);
  JoinOptions options{.stdin_fd = outer.program.get(), .stdout_fd = outer.program.get()};
  Result<JoinEnd> end = join_console(inner.person.get(), child.pidfd(), options);
  REQUIRE(::sigprocmask(SIG_SETMASK, &former, nullptr) == 0);
  REQUIRE_FALSE(end);
  CHECK(end.error().code() == Errc::interrupted);
  CHECK(outer.echoes());
}

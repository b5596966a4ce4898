#include "runtime/attach.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "tests/catch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

// Both ends of an attach socket; the test plays the monitor. What is sent first waits in the socket.
struct Line {
  Fd client;
  Fd monitor;
  PacketBuffer buffer;

  Line() {
    SocketPair pair = make_socket_pair().value();
    client = std::move(pair.ours);
    monitor = std::move(pair.theirs);
  }
  void say(Frame frame, std::string_view data = {}) { REQUIRE(send_packet(monitor.get(), frame, data)); }
  void say_exit(int32_t code) { say(Frame::exit_code, {reinterpret_cast<const char*>(&code), sizeof(code)}); }
  // The next frame of the client: its letter and its data; empty at the end.
  std::string hear() {
    for (;;) {
      pollfd entry = {monitor.get(), POLLIN, 0};
      if (::poll(&entry, 1, 10'000) != 1) return "";
      Result<std::optional<Packet>> packet = receive_packet(monitor.get(), buffer);
      if (!packet && (packet.error().sys() == EAGAIN || packet.error().sys() == ECONNRESET)) continue;
      if (!packet || !*packet) return "";
      return std::string(1, static_cast<char>((*packet)->frame)).append((*packet)->data);
    }
  }
  // Listens until `last`, and answers it with an exit code. What came before it.
  std::string play_until(Frame last, int32_t code) {
    std::string all;
    for (std::string frame = hear(); !frame.empty(); frame = hear()) {
      if (frame[0] == static_cast<char>(last)) break;
      all += frame;
    }
    send_packet(monitor.get(), Frame::exit_code, {reinterpret_cast<const char*>(&code), sizeof(code)})
        .ignore("the client's end says it");
    return all;
  }
};

struct Streams {
  Pipe in = make_pipe().value();
  Pipe out = make_pipe().value();
  Pipe err = make_pipe().value();
  JoinOptions options(bool with_input = true) const {
    return {.stdin_fd = with_input ? in.read_end.get() : -1,
            .stdout_fd = out.write_end.get(),
            .stderr_fd = err.write_end.get()};
  }
  static std::string text(Pipe& pipe) {
    pipe.write_end.reset();
    return read_all(pipe.read_end.get(), 1 << 20, "test").value();
  }
};

}  // namespace

TEST_CASE("a packet carries its frame, its bytes and a descriptor") {
  Line line;
  Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  REQUIRE(send_packet(line.monitor.get(), Frame::answer, "{}", null.get()));
  auto packet = receive_packet(line.client.get(), line.buffer).value();
  REQUIRE(packet);
  CHECK(packet->frame == Frame::answer);
  CHECK(packet->data == "{}");
  CHECK(packet->fd.valid());
  CHECK((::fcntl(packet->fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  REQUIRE(send_packet(line.monitor.get(), Frame::detach, {}));
  packet = receive_packet(line.client.get(), line.buffer).value();
  REQUIRE(packet);
  CHECK(packet->data.empty());
  CHECK(receive_packet(line.client.get(), line.buffer).error().sys() == EAGAIN);
  line.monitor.reset();
  CHECK_FALSE(receive_packet(line.client.get(), line.buffer).value());
}

TEST_CASE("a full socket says so instead of blocking") {
  Line line;
  std::string block(k_frame_bytes, 'x');
  Result<void> sent = ok();
  for (int i = 0; i < 1000 && sent; ++i) sent = send_packet(line.monitor.get(), Frame::output, block);
  REQUIRE_FALSE(sent);
  CHECK(sent.error().sys() == EAGAIN);
}

TEST_CASE("both streams arrive apart, with the exit code behind them") {
  Line line;
  Streams streams;
  line.say(Frame::output, "to stdout");
  line.say(Frame::error_output, "to stderr");
  line.say_exit(42);
  line.monitor.reset();
  Result<JoinEnd> end = join_container(std::move(line.client), streams.options(false));
  REQUIRE(end);
  CHECK(end->exit_code == 42);
  CHECK_FALSE(end->detached);
  CHECK(Streams::text(streams.out) == "to stdout");
  CHECK(Streams::text(streams.err) == "to stderr");
}

TEST_CASE("input is sent, and its end behind it") {
  Line line;
  Streams streams;
  REQUIRE(write_all(streams.in.write_end.get(), "typed", "test"));
  streams.in.write_end.reset();
  std::string heard;
  std::thread monitor([&] { heard = line.play_until(Frame::input_end, 7); });
  Result<JoinEnd> end = join_container(std::move(line.client), streams.options());
  monitor.join();
  REQUIRE(end);
  CHECK(end->exit_code == 7);
  CHECK(heard == "ityped");
}

TEST_CASE("no more input is sent than was granted") {
  Line line;
  Streams streams;
  std::string block(k_input_window + 1000, 'x');
  std::thread writer([&] {
    write_all(streams.in.write_end.get(), block, "test").ignore("seen below");
    streams.in.write_end.reset();
  });
  size_t before_grant = 0;
  std::string heard;
  std::thread monitor([&] {
    while (before_grant < k_input_window) before_grant += line.hear().size() - 1;
    // Nothing more comes until the grant.
    pollfd entry = {line.monitor.get(), POLLIN, 0};
    if (::poll(&entry, 1, 100) != 0) before_grant += 1'000'000;
    uint32_t bytes = 2000;
    send_packet(line.monitor.get(), Frame::grant, {reinterpret_cast<const char*>(&bytes), sizeof(bytes)})
        .ignore("seen below");
    heard = line.play_until(Frame::input_end, 0);
  });
  Result<JoinEnd> end = join_container(std::move(line.client), streams.options());
  writer.join();
  monitor.join();
  REQUIRE(end);
  CHECK(before_grant == k_input_window);
  CHECK(heard == "i" + std::string(1000, 'x'));
}

TEST_CASE("a reader that goes away closes the program's output") {
  Line line;
  Streams streams;
  streams.out.read_end.reset();
  line.say(Frame::output, "nobody reads this");
  std::string heard;
  std::thread monitor([&] { heard = line.play_until(Frame::output_closed, 141); });
  Result<JoinEnd> end = join_container(std::move(line.client), streams.options(false));
  monitor.join();
  REQUIRE(end);
  CHECK(end->exit_code == 141);
}

TEST_CASE("signals are forwarded as numbers with the proxy on") {
  Line line;
  Streams streams;
  // Pending before the loop begins, so that it is the first thing the loop sees.
  sigset_t set = {};
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR1);
  sigset_t former = {};
  REQUIRE(::pthread_sigmask(SIG_BLOCK, &set, &former) == 0);
  REQUIRE(::raise(SIGUSR1) == 0);
  std::thread monitor([&] { line.play_until(Frame::signal, 1); });
  JoinOptions options = streams.options(false);
  options.signal_proxy = true;
  Result<JoinEnd> end = join_container(std::move(line.client), options);
  monitor.join();
  REQUIRE(::pthread_sigmask(SIG_SETMASK, &former, nullptr) == 0);
  REQUIRE(end);
  CHECK(end->exit_code == 1);
}

TEST_CASE("a client that was dropped says so, and a monitor that dies is an error") {
  Line line;
  Streams streams;
  line.say(Frame::dropped);
  CHECK(join_container(std::move(line.client), streams.options(false)).error().code() == Errc::timed_out);
  Line other;
  other.monitor.reset();
  CHECK(join_container(std::move(other.client), streams.options(false)).error().code() == Errc::io);
}

TEST_CASE("what the monitor said last is read although it left our own words unread") {
  Line line;
  Streams streams;
  REQUIRE(send_packet(line.client.get(), Frame::still_here, {}));
  line.say(Frame::output, "last words");
  line.say_exit(5);
  line.monitor.reset();
  Result<JoinEnd> end = join_container(std::move(line.client), streams.options(false));
  REQUIRE(end);
  CHECK(end->exit_code == 5);
  CHECK(Streams::text(streams.out) == "last words");
}

TEST_CASE("a slow reader is told of, and gets everything") {
  Line line;
  Streams streams;
  std::string heard;
  std::string block(k_frame_bytes, 'z');
  for (int i = 0; i < 4; ++i) line.say(Frame::output, block);
  std::string all;
  // The reader wakes up when the client has said that it is still here.
  std::thread monitor([&] {
    heard = line.hear();
    send_packet(line.monitor.get(), Frame::exit_code, std::string_view("\0\0\0\0", 4)).ignore("seen below");
    char buffer[4096];
    while (all.size() < 4 * block.size()) {
      ssize_t size = ::read(streams.out.read_end.get(), buffer, sizeof(buffer));
      if (size <= 0) break;
      all.append(buffer, static_cast<size_t>(size));
    }
  });
  Result<JoinEnd> end = join_container(std::move(line.client), streams.options(false));
  monitor.join();
  REQUIRE(end);
  CHECK(heard == "k");
  CHECK(all.size() == 4 * block.size());
}

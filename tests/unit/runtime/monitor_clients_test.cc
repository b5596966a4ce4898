#include "runtime/monitor_clients.h"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/channel.h"
#include "tests/catch.h"
#include "tests/unit/runtime/scratch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

using std::chrono::milliseconds;

// A program that takes input only when the test lets it.
class FakeProgram final : public AttachTarget {
 public:
  Result<void> show_root(int) override { return Error(Errc::bad_state, "no root"); }
  bool can_attach() const override { return attachable; }
  void input(std::string_view bytes) override { taken += bytes; }
  bool input_idle() const override { return reads_input; }
  void input_end() override { taken += "<end>"; }
  void resize(WindowSize size) override { window = size; }
  Result<void> send_signal(int number) override {
    signals.push_back(number);
    return ok();
  }
  void keep_down() override { kept_down = true; }
  void change_orders(const NewOrders& orders) override { new_orders = orders; }
  void close_output(int stream) override { closed = stream; }
  void output_caught_up() override { ++caught_up; }
  pid_t init_pid() const override { return 1; }
  int init_pidfd() const override { return -1; }

  bool attachable = true;
  std::string taken;
  bool reads_input = true;
  WindowSize window;
  std::vector<int> signals;
  bool kept_down = false;
  std::optional<NewOrders> new_orders;
  int closed = 0;
  int caught_up = 0;
};

struct Stage {
  EventLoop loop = EventLoop::create().value();
  FakeProgram program;
  AttachServer server{loop, program, milliseconds(50)};
  PacketBuffer buffer;

  // Lets everything happen that is due within `time`.
  void run_for(milliseconds time) {
    loop.add_timer(time, [this] { loop.stop(); });
    REQUIRE(loop.run());
  }
  Fd attach_starter(const StarterAttach& streams) {
    SocketPair pair = make_socket_pair().value();
    REQUIRE(set_nonblocking(pair.theirs.get()));
    REQUIRE(server.adopt_starter(std::move(pair.theirs), streams));
    return std::move(pair.ours);
  }
  // An attached client that is not the starter: it asks first.
  Fd attach_client() {
    Fd socket = attach_starter({});
    REQUIRE(send_packet(socket.get(), Frame::request, R"({"attach":{"stdout":true}})"));
    run_for(milliseconds(1));
    CHECK(hear(socket) == "A{\"attached\":true}");
    return socket;
  }
  // Everything that waits for the client: letters, with the bytes behind them.
  std::string hear(const Fd& socket) {
    std::string all;
    for (;;) {
      auto packet = receive_packet(socket.get(), buffer);
      if (!packet || !*packet) return all;
      all += static_cast<char>((*packet)->frame);
      all += (*packet)->data;
    }
  }
  // Output until a client lags behind.
  void fill() {
    std::string block(k_frame_bytes, 'x');
    for (int i = 0; i < 1000 && server.ready(); ++i) server.output(1, block);
    REQUIRE_FALSE(server.ready());
  }
};

constexpr StarterAttach k_all{.stdin_ = true, .stdout_ = true, .stderr_ = true};

}  // namespace

TEST_CASE("a client gets the streams it asked for") {
  Stage stage;
  Fd out = stage.attach_starter({.stdin_ = false, .stdout_ = true, .stderr_ = false});
  Fd both = stage.attach_starter(k_all);
  stage.server.output(1, "one");
  stage.server.output(2, "two");
  CHECK(stage.hear(out) == "oone");
  CHECK(stage.hear(both) ==
        "oonee"
        "two");
}

TEST_CASE("input is granted again only when the program has taken it") {
  Stage stage;
  Fd client = stage.attach_starter(k_all);
  stage.program.reads_input = false;
  REQUIRE(send_packet(client.get(), Frame::input, "abc"));
  stage.run_for(milliseconds(1));
  CHECK(stage.program.taken == "abc");
  CHECK(stage.hear(client).empty());
  stage.program.reads_input = true;
  stage.server.input_drained();
  CHECK(stage.hear(client) == std::string("g\3\0\0\0", 5));
}

TEST_CASE("orders change, and those that are none are refused") {
  Stage stage;
  Fd client = stage.attach_starter({});
  const auto ask = [&](std::string_view request) {
    REQUIRE(send_packet(client.get(), Frame::request, request));
    stage.run_for(milliseconds(1));
    return stage.hear(client);
  };
  CHECK(ask(R"({"orders":[]})") == R"(A{"error":"orders are an object"})");
  CHECK(ask(R"({"orders":{},"health":{"interval_ms":"x"}})").starts_with(R"(A{"error":)"));
  CHECK_FALSE(stage.program.new_orders);
  CHECK(ask(R"({"orders":{"a":1}})") == R"(A{"changed":true})");
  REQUIRE(stage.program.new_orders);
  CHECK_FALSE(stage.program.new_orders->health);
  HealthPlan health;
  health.interval = milliseconds(7);
  health.stop_signal = 3;
  const Json request = Json::object().set("orders", Json::object()).set("health", to_json(health));
  CHECK(ask(dump_json(request)) == R"(A{"changed":true})");
  CHECK(stage.program.new_orders->health == health);
}

TEST_CASE("sizes, signals and the end of input reach the program") {
  Stage stage;
  Fd client = stage.attach_starter(k_all);
  uint16_t size[2] = {24, 80};
  int32_t number = 15;
  REQUIRE(send_packet(client.get(), Frame::resize, {reinterpret_cast<const char*>(size), sizeof(size)}));
  REQUIRE(send_packet(client.get(), Frame::signal, {reinterpret_cast<const char*>(&number), sizeof(number)}));
  REQUIRE(send_packet(client.get(), Frame::resize, "odd"));
  REQUIRE(send_packet(client.get(), Frame::input_end, {}));
  stage.run_for(milliseconds(1));
  CHECK(stage.program.window == WindowSize{24, 80});
  CHECK(stage.program.signals == std::vector<int>{15});
  CHECK(stage.program.taken == "<end>");
}

TEST_CASE("a starter that detaches leaves the program's input open, one that dies does not") {
  Stage stage;
  Fd first = stage.attach_starter(k_all);
  REQUIRE(send_packet(first.get(), Frame::detach, {}));
  first.reset();
  stage.run_for(milliseconds(1));
  CHECK(stage.program.taken.empty());
  stage.attach_starter(k_all).reset();
  stage.run_for(milliseconds(1));
  CHECK(stage.program.taken == "<end>");
}

TEST_CASE("the program's output is closed when the last who reads it is the starter whose reader broke off") {
  Stage stage;
  Fd starter = stage.attach_starter(k_all);
  Fd other = stage.attach_client();
  REQUIRE(send_packet(starter.get(), Frame::output_closed, "\1"));
  stage.run_for(milliseconds(1));
  CHECK(stage.program.closed == 0);
  REQUIRE(send_packet(starter.get(), Frame::output_closed, "\2"));
  stage.run_for(milliseconds(1));
  CHECK(stage.program.closed == 2);
}

TEST_CASE("a client that reads again lets the program go on and has missed nothing") {
  Stage stage;
  Fd client = stage.attach_client();
  stage.fill();
  size_t sent = stage.hear(client).size();
  stage.run_for(milliseconds(1));
  CHECK(stage.server.ready());
  CHECK(stage.program.caught_up == 1);
  sent += stage.hear(client).size();
  CHECK(sent % (k_frame_bytes + 1) == 0);
}

TEST_CASE("a client that does not read is told so, dropped, and holds nobody up") {
  Stage stage;
  Fd stuck = stage.attach_client();
  stage.fill();
  stage.run_for(milliseconds(200));
  CHECK(stage.server.ready());
  CHECK(stage.program.caught_up == 1);
  CHECK(stage.hear(stuck).ends_with("D"));
}

TEST_CASE("a starter whose own reader is slow is waited for as long as it says so") {
  Stage stage;
  Fd starter = stage.attach_starter(k_all);
  stage.fill();
  for (int i = 0; i < 8; ++i) {
    REQUIRE(send_packet(starter.get(), Frame::still_here, {}));
    stage.run_for(milliseconds(25));
    CHECK_FALSE(stage.server.ready());
  }
  stage.run_for(milliseconds(200));
  CHECK(stage.server.ready());
}

TEST_CASE("the exit code comes behind all output, also for those who lag") {
  Stage stage;
  Fd client = stage.attach_starter(k_all);
  Fd waiter = stage.attach_starter({});
  REQUIRE(send_packet(waiter.get(), Frame::request, R"({"wait":true})"));
  stage.run_for(milliseconds(1));
  stage.fill();
  bool gone = false;
  stage.server.finish(3, [&] { gone = true; });
  CHECK_FALSE(gone);
  std::string all = stage.hear(client);
  stage.run_for(milliseconds(1));
  all += stage.hear(client);
  CHECK(gone);
  CHECK(all.ends_with(std::string_view("x\3\0\0\0", 5)));
  CHECK(stage.hear(waiter).ends_with(std::string_view("x\3\0\0\0", 5)));
}

TEST_CASE("a program with its starter's own descriptors cannot be attached to") {
  Stage stage;
  stage.program.attachable = false;
  Fd client = stage.attach_starter({});
  REQUIRE(send_packet(client.get(), Frame::request, R"({"attach":{"stdout":true}})"));
  stage.run_for(milliseconds(1));
  CHECK(stage.hear(client).starts_with("A{\"error\""));
}

TEST_CASE("requests that make no sense are answered and harmless") {
  Stage stage;
  for (const char* text : {"", "{", "[]", "{\"attach\":7}", "{\"signal\":\"TERM\"}", "{\"unknown\":1}"}) {
    Fd client = stage.attach_starter({});
    REQUIRE(send_packet(client.get(), Frame::request, text));
    stage.run_for(milliseconds(1));
    CHECK(stage.hear(client).starts_with("A{"));
  }
}

TEST_CASE("of one that runs no program the network can be changed, and nothing else") {
  class Pod final : public NetworkTarget {
   public:
    Result<void> change_network(const Json& change, Fd) override {
      order = dump_json(change);
      return ok();
    }
    std::string order;
  };
  const Scratch scratch;
  EventLoop loop = EventLoop::create().value();
  Pod pod;
  AttachServer server(loop, pod);
  const std::string run_dir = scratch.path() + "/run";
  REQUIRE(server.open(run_dir));
  const Dir dir = Dir::open(run_dir).value();
  PacketBuffer buffer;
  const auto ask = [&](std::string_view request) {
    const Fd client = Channel::connect(dir, k_attach_socket).value().take_socket();
    REQUIRE(send_packet(client.get(), Frame::request, request));
    auto packet = receive_packet(client.get(), buffer);
    while (!packet && packet.error().sys() == EAGAIN) {
      loop.add_timer(milliseconds(1), [&] { loop.stop(); });
      REQUIRE(loop.run());
      packet = receive_packet(client.get(), buffer);
    }
    REQUIRE(packet);
    REQUIRE(*packet);
    return std::string((*packet)->data);
  };
  CHECK(ask(R"({"network":{"reload":true}})") == R"({"changed":true})");
  CHECK(pod.order == R"({"reload":true})");
  for (const auto* other : {R"({"signal":9})", R"({"attach":{"stdout":true}})", R"({"root":true})"}) {
    CHECK(ask(other).starts_with(R"({"error":)"));
  }
  server.close(run_dir);
  CHECK_FALSE(Dir::open(run_dir));
}

#include "engine/probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "base/fd.h"
#include "engine/side_programs.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// Answers one connection on a port of its own.
class Server {
 public:
  explicit Server(std::string answer) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket_.get(), 1) == 0);
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this, answer = std::move(answer)] {
      const Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::array<char, 4096> buffer{};
      const ssize_t got = ::recv(client.get(), buffer.data(), buffer.size(), 0);
      if (got > 0) request_.assign(buffer.data(), static_cast<size_t>(got));
      if (!answer.empty()) (void)!::write(client.get(), answer.data(), answer.size());
    });
  }
  ~Server() { join(); }
  const std::string& port() const { return port_; }
  const std::string& request() {
    join();
    return request_;
  }

 private:
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  Fd socket_;
  std::string port_, request_;
  std::thread thread_;
};

ProbeResult look(const std::vector<std::string>& test, std::chrono::nanoseconds timeout = seconds(5)) {
  const auto result = run_own_test(test, -1, timeout, {}, {});
  REQUIRE(result);
  return *result;
}

std::vector<std::string> http(const std::string& port) {
  return {std::string(k_http_test), "127.0.0.1", port, "/live"};
}

}  // namespace

TEST_CASE("a check by HTTP passes with an answer below 400") {
  Server server("HTTP/1.1 204 No Content\r\n\r\n");
  auto test = http(server.port());
  test.emplace_back("X-Probe: 1");
  CHECK(look(test).passed);
  CHECK(server.request().starts_with("GET /live HTTP/1.1\r\nHost: 127.0.0.1:" + server.port() + "\r\nX-Probe: 1\r\n"));
  Server moved("HTTP/1.0 302 Found\r\n");
  CHECK(look(http(moved.port())).passed);
}

TEST_CASE("a check by HTTP fails with another answer, or without one") {
  Server missing("HTTP/1.1 404 Not Found\r\n\r\n");
  const auto result = look(http(missing.port()));
  CHECK_FALSE(result.passed);
  CHECK(result.output == "the answer is 'HTTP/1.1 404 Not Found'");
  Server other("SSH-2.0-x\r\n");
  CHECK_FALSE(look(http(other.port())).passed);
  Server endless(std::string(100'000, 'x'));
  CHECK_FALSE(look(http(endless.port())).passed);
  Server silent("");
  CHECK_FALSE(look(http(silent.port())).passed);
}

TEST_CASE("a check of a port passes when somebody listens") {
  std::string port;
  {
    Server server("x");
    port = server.port();
    CHECK(look({std::string(k_tcp_test), "127.0.0.1", port}).passed);
  }
  CHECK_FALSE(look({std::string(k_tcp_test), "127.0.0.1", port}).passed);
  const auto named = look({std::string(k_tcp_test), "example.org", "80"});
  CHECK(named.output == "connect to example.org port 80: only addresses can be looked at, not names");
}

TEST_CASE("a check of gRPC passes when the service serves") {
  using namespace std::string_literals;
  const auto settings = "\0\0\0\4\0\0\0\0\0"s;
  const auto answer = [&](char status) { return settings + "\0\0\x07\0\1\0\0\0\1\0\0\0\0\2\x08"s + status; };
  Server serving(answer(1));
  const std::vector<std::string> test = {std::string(k_grpc_test), "127.0.0.1", serving.port(), "shop"};
  CHECK(look(test).passed);
  CHECK(serving.request().find("shop") != std::string::npos);
  Server stopping(answer(2));
  CHECK(look({std::string(k_grpc_test), "127.0.0.1", stopping.port(), ""}).output == "the status is NOT_SERVING");
  Server silent("");
  CHECK_FALSE(look({std::string(k_grpc_test), "127.0.0.1", silent.port(), ""}).passed);
}

TEST_CASE("a check by HTTPS hands its connection to who speaks TLS") {
  Server server("");
  WebRequest asked;
  int status = 204;
  const AskByTls ask = [&](WebRequest request, const ConnectSocket& connect) -> Result<WebAnswer> {
    asked = std::move(request);
    const auto connection = connect();
    if (!connection) return connection.error();
    return WebAnswer{status, ""};
  };
  const std::vector<std::string> test = {std::string(k_https_test), "127.0.0.1", server.port(), "/live", "X: 1"};
  const auto passed = run_own_test(test, -1, seconds(5), {}, ask);
  REQUIRE(passed);
  CHECK(passed->passed);
  CHECK(asked.url == "https://127.0.0.1:" + server.port() + "/live");
  CHECK(asked.headers == std::vector<std::string>{"X: 1"});
  CHECK_FALSE(asked.verify);
  CHECK(asked.connected);
  status = 500;
  Server other("");
  const auto failed = run_own_test({test[0], test[1], other.port(), "/"}, -1, seconds(5), {}, ask);
  REQUIRE(failed);
  CHECK(failed->output == "the answer has the status 500");
  CHECK(is_own_test(test));
}

TEST_CASE("a check that takes too long has timed out") {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(socket.get(), 1) == 0);
  REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const auto result = look(http(std::to_string(ntohs(address.sin_port))), milliseconds(20));
  CHECK(result.timed_out);
  CHECK_FALSE(result.passed);
}

TEST_CASE("a container is ready after as many passes as it needs, and no more after as many failures") {
  ReadinessSpec spec;
  spec.successes = 2;
  spec.retries = 2;
  ReadinessRecord record;
  add_result(record, true, "", spec);
  CHECK_FALSE(record.ready);
  add_result(record, true, "", spec);
  CHECK(record.ready);
  add_result(record, false, "why", spec);
  CHECK(record.ready);
  CHECK(record.output == "why");
  add_result(record, false, "", spec);
  CHECK_FALSE(record.ready);
}

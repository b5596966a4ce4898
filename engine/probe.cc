#include "engine/probe.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "base/wait.h"
#include "engine/grpc_health.h"

namespace ctr::engine {

using std::chrono::steady_clock;

namespace {

// Of an answer only the first line counts.
constexpr size_t k_answer_limit_bytes = 4096;

// The number of the process behind a pidfd; empty when it is gone. Source: proc(5), /proc/PID/fdinfo.
std::string number_of(int process) {
  const auto text = read_kernel_file(fmt::format("/proc/self/fdinfo/{}", process));
  constexpr std::string_view k_key = "Pid:\t";
  const size_t at = text ? text->find(k_key) : std::string::npos;
  if (at == std::string::npos) return {};
  const size_t start = at + k_key.size();
  const auto number = text->substr(start, text->find('\n', start) - start);
  return number.starts_with('-') ? std::string() : number;
}

// With the network of the host there is nothing to enter, and from the user namespace of the container no way into it.
bool is_in_our_network(int process) {
  const auto number = number_of(process);
  struct stat theirs{};
  struct stat ours{};
  return !number.empty() && ::stat(fmt::format("/proc/{}/ns/net", number).c_str(), &theirs) == 0 &&
         ::stat("/proc/self/ns/net", &ours) == 0 && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

Result<void> enter_network(int process) {
  if (is_in_our_network(process)) return ok();
  if (setns(process, CLONE_NEWUSER | CLONE_NEWNET) == 0) return ok();
  // EINVAL: its user namespace is ours.
  if (errno == EINVAL && setns(process, CLONE_NEWNET) == 0) return ok();
  return Error::from_errno("enter the container's network");
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

std::optional<Address> parse_address(const std::string& host, uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof(*v4);
    return address;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  address.size = sizeof(*v6);
  return address;
}

class Probe {
 public:
  Probe(steady_clock::time_point deadline, const CancelToken& cancel) : deadline_(deadline), cancel_(cancel) {}

  // Waits for `events` of a descriptor; -1 waits for the deadline alone. Errors: timed_out, interrupted.
  Result<void> wait(int fd, short events) const {
    while (true) {
      std::array<pollfd, 2> entries = {{{fd, events, 0}, {cancel_.fd(), POLLIN, 0}}};
      if (::poll(entries.data(), entries.size(), poll_timeout(deadline_)) < 0 && errno != EINTR) {
        return Error::from_errno("poll");
      }
      TRY(cancel_.check());
      if (fd >= 0 && entries[0].revents != 0) return ok();
      if (steady_clock::now() >= deadline_) return Error(Errc::timed_out, "it took too long");
    }
  }

  Result<Fd> connect(const std::string& host, uint16_t port) const {
    const bool loopback = host == "localhost" || host == "127.0.0.1";
    auto connected = connect_to(loopback ? "127.0.0.1" : host, port);
    // A server that listens on IPv6 alone is as good.
    if (!connected && loopback && connected.error().sys() == ECONNREFUSED) {
      auto other = connect_to("::1", port);
      if (other) return other;
    }
    return connected;
  }

  Result<void> send(int fd, std::string_view text) const {
    while (!text.empty()) {
      TRY(wait(fd, POLLOUT));
      const ssize_t size = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (size < 0 && errno != EAGAIN && errno != EINTR) return Error::from_errno("send the request");
      if (size > 0) text.remove_prefix(static_cast<size_t>(size));
    }
    return ok();
  }

  // What is there by now; empty at the end.
  Result<std::string> receive(int fd) const {
    std::array<char, 4096> buffer{};
    while (true) {
      TRY(wait(fd, POLLIN));
      const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (size >= 0) return std::string(buffer.data(), static_cast<size_t>(size));
      if (errno != EAGAIN && errno != EINTR) return Error::from_errno("read the answer");
    }
  }

  Result<std::string> first_line(int fd) const {
    std::string answer;
    while (answer.size() < k_answer_limit_bytes) {
      const auto bytes = TRY(receive(fd));
      answer += bytes;
      const size_t end = answer.find('\n');
      if (end != std::string::npos) return std::string(trim(answer.substr(0, end)));
      if (bytes.empty()) break;
    }
    return std::string(trim(answer));
  }

 private:
  Result<Fd> connect_to(const std::string& host, uint16_t port) const {
    const auto what = fmt::format("connect to {} port {}", printable(host), port);
    const auto address = parse_address(host, port);
    if (!address) return Error(Errc::invalid, what + ": only addresses can be looked at, not names");
    Fd socket(::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.get() < 0) return Error::from_errno(what);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address->storage), address->size) == 0) {
      return socket;
    }
    if (errno != EINPROGRESS) return Error::from_errno(what);
    TRY(wait(socket.get(), POLLOUT));
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return Error::from_errno(what);
    if (error != 0) return Error::from_errno(what, error);
    return socket;
  }

  steady_clock::time_point deadline_;
  const CancelToken& cancel_;
};

// "HOST:PORT" of a URL.
std::string authority_of(const std::vector<std::string>& test) {
  const bool v6 = test[1].find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", test[1], v6 ? "]" : "", test[2]);
}

std::string request_for(const std::vector<std::string>& test) {
  std::string headers;
  bool has_host = false;
  for (size_t i = 4; i < test.size(); ++i) {
    headers += test[i] + "\r\n";
    has_host = has_host || to_lower(test[i]).starts_with("host:");
  }
  if (!has_host) headers = fmt::format("Host: {}\r\n", authority_of(test)) + headers;
  return fmt::format("GET {} HTTP/1.1\r\n{}User-Agent: ctr-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n", test[3],
                     headers);
}

// "HTTP/1.1 200 OK"
bool is_good_answer(std::string_view line) {
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return false;
  return line[9] == '2' || line[9] == '3';
}

Result<void> look_at_health(const std::vector<std::string>& test, const Probe& probe, int socket) {
  TRY(probe.send(socket, grpc_health_request(authority_of(test), test[3])));
  GrpcHealthAnswer answer;
  while (!answer.ended()) {
    const auto bytes = TRY(probe.receive(socket));
    if (bytes.empty()) return Error(Errc::invalid, "the server has closed the connection");
    const auto reply = TRY(answer.take(bytes));
    if (!answer.ended()) TRY(probe.send(socket, reply));
  }
  return answer.verdict();
}

Result<void> judge_status(int status) {
  if (status >= 200 && status < 400) return ok();
  return Error(Errc::invalid, fmt::format("the answer has the status {}", status));
}

// One test in the network of a process.
class Look {
 public:
  Look(const std::vector<std::string>& test, int process, const Probe& probe)
      : test_(test), process_(process), probe_(probe) {}

  Result<void> carry_out(const AskByTls& ask, std::chrono::nanoseconds timeout) {
    if (test_[0] == k_sleep_test) return probe_.wait(-1, 0);
    const bool has_path = test_[0] != k_tcp_test;
    if (test_.size() < (has_path ? size_t{4} : size_t{3})) return Error(Errc::invalid, "the test is not complete");
    if (test_[0] == k_https_test) {
      WebRequest request;
      request.url = fmt::format("https://{}{}", authority_of(test_), test_[3]);
      request.headers = {test_.begin() + 4, test_.end()};
      request.verify = false;
      request.connected = true;
      request.timeout = std::chrono::ceil<std::chrono::milliseconds>(timeout);
      return judge_status(TRY(ask(std::move(request), [&] { return connect(); })).status);
    }
    const auto socket = TRY(connect());
    if (test_[0] == k_tcp_test) return ok();
    if (test_[0] == k_grpc_test) return look_at_health(test_, probe_, socket.get());
    TRY(probe_.send(socket.get(), request_for(test_)));
    const auto line = TRY(probe_.first_line(socket.get()));
    if (is_good_answer(line)) return ok();
    return Error(Errc::invalid, fmt::format("the answer is '{}'", printable(line, 200)));
  }

  // Why the network could not be entered, which says nothing of who listens in it.
  std::optional<Error> failure;

 private:
  Result<Fd> connect() {
    if (process_ >= 0) {
      auto entered = enter_network(process_);
      if (!entered) failure = entered.error();
      TRY(std::move(entered));
    }
    const auto port = static_cast<uint16_t>(TRY(parse_unsigned(test_[2], "a port", 65535)));
    return probe_.connect(test_[1], port);
  }

  const std::vector<std::string>& test_;
  int process_;
  const Probe& probe_;
};

}  // namespace

bool is_own_test(const std::vector<std::string>& test) {
  constexpr auto k_words =
      std::to_array<std::string_view>({k_http_test, k_https_test, k_grpc_test, k_tcp_test, k_sleep_test, k_pass_test});
  return !test.empty() && std::find(k_words.begin(), k_words.end(), test[0]) != k_words.end();
}

Result<ProbeResult> run_own_test(const std::vector<std::string>& test, int process, std::chrono::nanoseconds timeout,
                                 const CancelToken& cancel, const AskByTls& ask) {
  if (test[0] == k_pass_test) return ProbeResult{true, false, ""};
  const bool sleeps = test[0] == k_sleep_test;
  if (sleeps && test.size() > 1) timeout = std::chrono::seconds(TRY(parse_unsigned(test[1], "seconds", UINT32_MAX)));
  const auto deadline = steady_clock::now() + std::chrono::ceil<steady_clock::duration>(timeout);
  const Probe probe(deadline, cancel);
  Look look(test, process, probe);
  const auto looked = look.carry_out(ask, timeout);
  if (looked) return ProbeResult{true, false, ""};
  if (look.failure) return *look.failure;
  if (looked.error().code() == Errc::interrupted) return looked.error();
  const bool late = looked.error().code() == Errc::timed_out;
  if (sleeps && late) return ProbeResult{true, false, ""};
  return ProbeResult{false, late, looked.error().text()};
}

}  // namespace ctr::engine

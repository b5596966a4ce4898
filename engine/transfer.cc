#include "engine/transfer.h"

#include <poll.h>

#include <array>
#include <csignal>
#include <optional>
#include <utility>

#include "base/channel.h"
#include "base/child.h"
#include "base/file.h"
#include "engine/storage_config.h"

namespace ctr::engine {
namespace {

// A manifest of 4 MiB, with every quote escaped.
constexpr size_t k_answer_limit_bytes = size_t{16} << 20;

// Reads to the end of the answer. A request to stop is passed on, and what ctr-transfer then answers is what counts.
Result<std::string> read_answer(int fd, const Child& child, const CancelToken& cancel) {
  std::array<pollfd, 2> ready = {pollfd{.fd = fd, .events = POLLIN, .revents = 0},
                                 pollfd{.fd = cancel.fd(), .events = POLLIN, .revents = 0}};
  while (ready[1].fd >= 0) {
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return Error::from_errno("wait for ctr-transfer");
    if (ready[0].revents != 0) break;
    if (ready[1].revents == 0) continue;
    TRY(child.signal(SIGTERM));
    ready[1].fd = -1;
  }
  return read_all(fd, k_answer_limit_bytes, "the answer of ctr-transfer");
}

// libcurl takes the proxy of http URLs from http_proxy alone, since a CGI program gets a client's header "Proxy" as
// HTTP_PROXY. Users of podman set it in capitals, too.
Environment transfer_environment(Environment environment) {
  const bool is_cgi = !environment_value(environment, "REQUEST_METHOD").empty();
  const auto capitals = environment.find("HTTP_PROXY");
  if (!is_cgi && capitals != environment.end()) environment.emplace("http_proxy", capitals->second);
  return environment;
}

bool is_standard(const CopyEnd& end) { return end.kind == CopyEnd::Kind::stream && end.path == "-"; }

bool reads_stdin(const TransferRequest& request) {
  using Verb = TransferRequest::Verb;
  if (request.verb == Verb::copy) return is_standard(request.copy.source);
  if (request.verb == Verb::import_) return request.import_request.input == "-";
  return request.verb == Verb::load;
}

bool writes_stdout(const TransferRequest& request) {
  using Verb = TransferRequest::Verb;
  if (request.verb == Verb::copy) return is_standard(request.copy.destination);
  return request.verb == Verb::save || request.verb == Verb::export_;
}

}  // namespace

Result<std::string> find_own_program(const EngineOptions& options, std::string_view name) {
  const auto& own = options.installed.empty() ? options.own_binary : options.installed;
  const std::string dir = own.substr(0, own.rfind('/'));
  const std::string file(name);
  for (const auto& candidate : {dir + "/" + file, dir + "/../libexec/ctr/" + file}) {
    if (path_exists(candidate)) return candidate;
  }
  return Error(Errc::not_found, file + " is neither in '" + dir + "' nor in '" + dir + "/../libexec/ctr'")
      .with_hint("install ctr as a whole: a program of it is missing");
}

namespace {

// Without a connection ctr-transfer ends by itself when the other end of the socket is closed.
Result<void> hand_connection(Fd socket, const ConnectSocket& connect) {
  const Fd connection = TRY(connect());
  return Channel(std::move(socket)).send(Json::object(), {connection.get()});
}

}  // namespace

Result<TransferAnswer> run_transfer(const EngineOptions& options, TransferRequest request,
                                    const ConnectSocket& connect) {
  request.debug = options.debug;
  // The verbs that read the user's stdin have nothing to ask.
  request.may_ask = options.ask_fd >= 0 && !reads_stdin(request);
  Fd plan = TRY(make_sealed_memfd("ctr-transfer", dump_json(to_json(request))));
  auto answer_pipe = TRY(make_pipe());
  SpawnOptions spawn_options{
      .program = TRY(find_own_program(options, "ctr-transfer")),
      .argv = {"ctr-transfer", "perform", options.paths.store, options.paths.run, options.paths.image_store},
      .env = {},
      .fds = {{2, 2}, {plan.get(), k_transfer_request_fd}, {answer_pipe.write_end.get(), k_transfer_answer_fd}}};
  // Those that are gone have been told of.
  for (const auto& store : options.paths.image_stores ? options.paths.image_stores() : find_image_stores(options)) {
    if (path_exists(store + "/schema.json")) spawn_options.argv.push_back(store);
  }
  if (request.may_ask) spawn_options.fds.emplace_back(options.ask_fd, 0);
  if (reads_stdin(request)) spawn_options.fds.emplace_back(0, 0);
  if (writes_stdout(request)) spawn_options.fds.emplace_back(1, 1);
  for (const auto& [name, value] : transfer_environment(options.environment)) {
    spawn_options.env.push_back(name + "=" + value);
  }
  std::optional<SocketPair> pair;
  if (connect) {
    pair = TRY(make_socket_pair());
    spawn_options.fds.emplace_back(pair->theirs.get(), k_transfer_socket_fd);
  }
  Child child = TRY(spawn(spawn_options));
  answer_pipe.write_end.reset();
  if (pair) {
    pair->theirs.reset();
    const auto handed = hand_connection(std::move(pair->ours), connect);
    if (!handed) {
      (void)TRY(child.wait());
      return handed.error();
    }
  }
  auto text = TRY(read_answer(answer_pipe.read_end.get(), child, options.cancel));
  auto status = TRY(child.wait());
  if (text.empty()) {
    if (options.cancel.requested()) return Error(Errc::interrupted, "interrupted");
    return Error(Errc::internal,
                 "ctr-transfer ended without an answer (exit code " + std::to_string(status.code) + ")");
  }
  return transfer_answer_from_json(
      TRY(parse_json(text, "the answer of ctr-transfer", {.size_bytes = k_answer_limit_bytes})));
}

}  // namespace ctr::engine

// Questions over TCP: those whose answers are too long for UDP, and of clients that have no UDP.
#include <sys/epoll.h>

#include <array>
#include <cerrno>

#include "engine/network/proxy/resolver.h"

namespace ctr::engine::network {
namespace {

constexpr std::chrono::milliseconds k_patience{2000};  // with a server, before the next one is asked
constexpr std::chrono::milliseconds k_idle{10000};
constexpr size_t k_most_streams = 32;
// A client that sends without reading answers is not listened to.
constexpr size_t k_most_unread_bytes = size_t{1} << 17;

}  // namespace

void Resolver::on_client(const std::shared_ptr<Listener>& listener) {
  SocketAddress address;
  Fd socket(::accept4(listener->tcp.get(), address.get(), &address.size, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) {
    // Told again as long as somebody waits: without a descriptor for him the one who came first has to go.
    if (errno != EAGAIN && !streams_.empty()) close(streams_.begin());
    return;
  }
  if (streams_.size() >= k_most_streams) close(streams_.begin());
  Stream added;
  added.listener = listener;
  added.client = from_socket_address(address).ip;
  added.socket = std::move(socket);
  streams_.push_back(std::move(added));
  const auto stream = std::prev(streams_.end());
  const auto handler = [this, stream](uint32_t events) { on_stream(stream, events); };
  if (!site_.loop.add(stream->socket.get(), EPOLLIN, handler)) return void(streams_.erase(stream));
  stream->idle = site_.loop.add_timer(k_idle, [this, stream] {
    stream->idle = 0;
    close(stream);
  });
}

void Resolver::on_stream(Streams::iterator stream, uint32_t events) {
  // Nobody reads an answer any more, and this would be told again and again until there is one.
  if (stream->ended && (events & (EPOLLHUP | EPOLLERR)) != 0) return close(stream);
  site_.loop.cancel_timer(stream->idle);
  stream->idle = site_.loop.add_timer(k_idle, [this, stream] {
    stream->idle = 0;
    close(stream);
  });
  if ((events & EPOLLOUT) != 0 && !send_out(stream)) return;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !stream->ended) {
    std::array<char, 4096> buffer{};
    const ssize_t size = ::recv(stream->socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno != EAGAIN && errno != EINTR) return close(stream);
    if (size == 0) stream->ended = true;
    if (size > 0) stream->in.append(buffer.data(), static_cast<size_t>(size));
    if (stream->in.size() > k_most_unread_bytes) return close(stream);
  }
  go_on(stream);
}

// Answers what has come, until a question has to be asked outside.
void Resolver::go_on(Streams::iterator stream) {
  while (stream->query.empty()) {
    auto query = dns::take_frame(stream->in);
    if (!query) break;
    if (!answer_frame(stream, std::move(*query))) return close(stream);
    if (stream->out.size() > k_most_unread_bytes) return close(stream);
  }
  if (!send_out(stream)) return;
  if (stream->ended && stream->out.empty() && stream->query.empty()) return close(stream);
  const uint32_t in = stream->ended ? 0U : uint32_t{EPOLLIN};
  const uint32_t out = stream->out.empty() ? 0U : uint32_t{EPOLLOUT};
  site_.loop.change(stream->socket.get(), in | out).ignore("it is closed when it has been idle");
}

bool Resolver::send_out(Streams::iterator stream) {
  while (!stream->out.empty()) {
    const ssize_t size =
        ::send(stream->socket.get(), stream->out.data(), stream->out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (size < 0) return close(stream), false;
    stream->out.erase(0, static_cast<size_t>(size));
  }
  return true;
}

// False: what has come is no question, and whoever sent it is not listened to any more.
bool Resolver::answer_frame(Streams::iterator stream, std::string query) {
  const auto parsed = dns::parse_query(query);
  if (parsed.kind == dns::ParsedQuery::Kind::drop) return false;
  if (parsed.kind == dns::ParsedQuery::Kind::error) {
    stream->out += dns::frame_message(dns::build_error(query, parsed.code));
    return true;
  }
  const auto verdict = verdict_on(parsed.question, stream->listener->network, stream->client);
  if (verdict.kind != dns::Verdict::Kind::forward) {
    const auto answer = dns::build_answer(query, parsed.question, verdict.answer, dns::k_message_limit_bytes);
    stream->out += dns::frame_message(answer);
    return true;
  }
  stream->query = std::move(query);
  stream->servers = servers_for(verdict);
  stream->next = 0;
  ask_next_over_stream(stream);
  return true;
}

void Resolver::ask_next_over_stream(Streams::iterator stream) {
  forget_server(stream);
  while (stream->next < stream->servers.size()) {
    auto socket = sockets_->connect(stream->servers[stream->next++], SOCK_STREAM);
    if (!socket) continue;
    const auto handler = [this, stream](uint32_t events) { on_server(stream, events); };
    if (!site_.loop.add(socket->get(), EPOLLOUT, handler)) {
      sockets_->give_back(std::move(*socket));
      continue;
    }
    stream->server = std::move(*socket);
    stream->to_server = dns::frame_message(stream->query);
    stream->patience = site_.loop.add_timer(k_patience, [this, stream] {
      stream->patience = 0;
      ask_next_over_stream(stream);
      if (stream->query.empty()) go_on(stream);
    });
    return;
  }
  stream->out += dns::frame_message(failed_answer(stream->query));
  stream->query.clear();
}

void Resolver::on_server(Streams::iterator stream, uint32_t events) {
  const int server = stream->server->get();
  const auto next_one = [&] {
    ask_next_over_stream(stream);
    if (stream->query.empty()) go_on(stream);
  };
  if ((events & EPOLLERR) != 0) return next_one();
  if (!stream->to_server.empty()) {
    const auto& bytes = stream->to_server;
    const ssize_t size = ::send(server, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size < 0) return next_one();
    stream->to_server.erase(0, static_cast<size_t>(size));
    if (stream->to_server.empty() && !site_.loop.change(server, EPOLLIN)) return next_one();
    return;
  }
  std::array<char, 16384> buffer{};
  const ssize_t size = ::recv(server, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return next_one();
  stream->from_server.append(buffer.data(), static_cast<size_t>(size));
  const auto answer = dns::take_frame(stream->from_server);
  if (!answer) return;
  if (!dns::answers_query(*answer, stream->query)) return next_one();
  stream->out += dns::frame_message(*answer);
  stream->query.clear();
  forget_server(stream);
  go_on(stream);
}

void Resolver::forget_server(Streams::iterator stream) {
  if (stream->patience != 0) site_.loop.cancel_timer(stream->patience);
  stream->patience = 0;
  stream->to_server.clear();
  stream->from_server.clear();
  if (!stream->server) return;
  site_.loop.remove(stream->server->get());
  sockets_->give_back(std::move(*stream->server));
  stream->server.reset();
}

void Resolver::close(Streams::iterator stream) {
  forget_server(stream);
  if (stream->idle != 0) site_.loop.cancel_timer(stream->idle);
  site_.loop.remove(stream->socket.get());
  streams_.erase(stream);
}

}  // namespace ctr::engine::network

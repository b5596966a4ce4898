#include "engine/network/proxy/tcp.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace ctr::engine::network {
namespace {

// Six descriptors each at worst; the hard limit of most systems is far above.
constexpr size_t k_most_connections = 16384;
// What one event may do before others have their turn.
constexpr int k_accepts_in_a_row = 64;
constexpr int k_moves_in_a_row = 16;
// When there is no room for another connection it waits in the backlog, and is looked at again after this time.
constexpr std::chrono::milliseconds k_retry{50};
constexpr size_t k_move_bytes = size_t{1} << 20;
// The pages in pipes of one user are limited (pipe-user-pages-soft of pipe(7), 64 MiB): few pipes are large, and many
// connections that are all stuck do not take the pipes of the user's other programs.
constexpr size_t k_large_pipes = 8;
constexpr size_t k_ordinary_pipes = 32;
constexpr int k_large_pipe_bytes = 1 << 20;
constexpr int k_small_pipe_bytes = 1 << 14;
// An empty pipe counts as much as a full one.
constexpr std::chrono::seconds k_keep_pipes{1};
constexpr size_t k_copy_bytes = size_t{1} << 14;

void set_option(const Fd& fd, int level, int name, int value) {
  (void)::setsockopt(fd.get(), level, name, &value, sizeof value);
}

// Small writes go at once, and a peer that has vanished is noticed some time.
void tune(const Fd& fd) {
  set_option(fd, SOL_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

// See k_local_congestion_control. A socket that has sent already goes on to do so by its timer.
void send_locally(const Fd& fd) {
  constexpr auto k_name = k_local_congestion_control;
  (void)::setsockopt(fd.get(), SOL_TCP, TCP_CONGESTION, k_name.data(), static_cast<socklen_t>(k_name.size()));
}

Endpoint own_end(const Fd& fd) {
  SocketAddress own;
  if (::getsockname(fd.get(), own.get(), &own.size) < 0) return {};
  return from_socket_address(own);
}

// The other end learns that this was no orderly end.
void close_hard(Fd fd) {
  const linger now = {.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

// A connection from the client's address to the container. Its port is the client's where it can be: it is in use
// while an earlier connection of the client's is remembered in there.
Result<Fd> connect_as_client(const Passage& passage) {
  const auto target = to_socket_address(passage.target);
  for (const auto port : {SourcePort::wanted, SourcePort::any}) {
    Fd fd = TRY(open_as(passage.source, SOCK_STREAM, port));
    tune(fd);
    send_locally(fd);
    if (::connect(fd.get(), target.get(), target.size) == 0 || errno == EINPROGRESS) return fd;
    if (errno != EADDRNOTAVAIL && errno != EADDRINUSE) break;
  }
  return Error::from_errno("connect to the container");
}

}  // namespace

std::optional<Pipe> PipeStock::take(size_t most) {
  if (!idle_.empty()) {
    Pipe pipe = std::move(idle_.back());
    idle_.pop_back();
    ++taken_;
    unused_ = std::min(unused_, idle_.size());
    return pipe;
  }
  if (count() >= most) return std::nullopt;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) < 0) return std::nullopt;
  Pipe pipe = {Fd(ends[0]), Fd(ends[1])};
  ++taken_;
  const int bytes = taken_ <= k_large_pipes ? k_large_pipe_bytes : k_small_pipe_bytes;
  if (taken_ <= k_large_pipes || taken_ > k_ordinary_pipes) (void)::fcntl(pipe.write_end.get(), F_SETPIPE_SZ, bytes);
  return pipe;
}

void PipeStock::give_back(Pipe pipe) {
  --taken_;
  if (count() < k_large_pipes) idle_.push_back(std::move(pipe));
}

bool PipeStock::close_unused() {
  idle_.resize(idle_.size() - std::min(idle_.size(), unused_));
  unused_ = idle_.size();
  return !idle_.empty();
}

Result<void> TcpPublisher::add(const PublishedPort& port, Fd socket) {
  TRY(set_nonblocking(socket.get()));
  // Connections inherit both.
  tune(socket);
  const bool local = is_loopback(own_end(socket).ip);
  if (local) send_locally(socket);
  auto& listener = listeners_.emplace_back(Listener{port, std::move(socket), local});
  auto watched =
      site_.loop.add(listener.socket.get(), EPOLLIN | EPOLLET, [this, &listener](uint32_t) { accept_some(listener); });
  if (!watched) listeners_.pop_back();
  return watched;
}

void TcpPublisher::remove(const PublishedPort& port) {
  const auto found = std::find_if(listeners_.begin(), listeners_.end(),
                                  [&](const Listener& listener) { return listener.port == port; });
  if (found == listeners_.end()) return;
  site_.loop.remove(found->socket.get());
  listeners_.erase(found);
}

void TcpPublisher::accept_some(Listener& listener) {
  for (int count = 0; count < k_accepts_in_a_row; ++count) {
    full_ = !has_room();
    if (full_) return;
    bool more = false;
    if (!accept_one(listener, more)) return accept_later(k_retry);
    if (!more) return;
  }
  // No other edge comes for those that are waiting already.
  accept_later(std::chrono::milliseconds(0));
}

void TcpPublisher::accept_later(std::chrono::milliseconds wait) {
  if (std::exchange(accepts_later_, true)) return;
  site_.loop.add_timer(wait, [this] {
    accepts_later_ = false;
    for (auto& listener : listeners_) accept_some(listener);
  });
}

// One at a time can always be served.
bool TcpPublisher::has_room() {
  if (connections_.size() >= k_most_connections) return false;
  const auto fits = [this] {
    return 2 * (connections_.size() + 1 + pipes_.count()) + listeners_.size() <= site_.shares.connections;
  };
  if (connections_.empty() || fits()) return true;
  pipes_.close_idle();
  return fits();
}

// For those who wait in the backlog.
void TcpPublisher::make_room() {
  if (std::exchange(full_, false)) accept_later(std::chrono::milliseconds(0));
}

bool TcpPublisher::accept_one(Listener& listener, bool& more) {
  SocketAddress address;
  Fd client(::accept4(listener.socket.get(), address.get(), &address.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  more = client.valid() || errno != EAGAIN;
  if (client.valid()) {
    open(listener, std::move(client), address);
    return true;
  }
  return errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS;
}

void TcpPublisher::open(const Listener& listener, Fd client, const SocketAddress& address) {
  const auto peer = from_socket_address(address);
  if (!listener.local && (is_loopback(peer.ip) || peer.ip == own_end(client).ip)) send_locally(client);
  const auto passage = plan_passage(peer, listener.port.container_port, site_.addresses);
  if (!passage) return close_hard(std::move(client));
  auto container = connect_as_client(*passage);
  if (!container) return close_hard(std::move(client));
  connections_.emplace_front();
  const auto connection = connections_.begin();
  connection->ends = {std::move(client), std::move(*container)};
  for (size_t side = 0; side < 2; ++side) {
    const auto watched =
        site_.loop.add(connection->ends[side].get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                       [this, connection, side](uint32_t events) { on_event(connection, side, events); });
    if (!watched) return reset(connection);
  }
}

void TcpPublisher::on_event(Handle connection, size_t side, uint32_t events) {
  if ((events & EPOLLERR) != 0) return reset(connection);
  if (!connection->connected) {
    if (side == 0 || (events & EPOLLOUT) == 0) return;
    connection->connected = true;
  }
  go_on(connection);
}

void TcpPublisher::go_on(Handle connection) {
  bool unfinished = false;
  for (const size_t from : {size_t{0}, size_t{1}}) {
    const auto flow = pump(*connection, from);
    if (flow == Flow::failed) return reset(connection);
    unfinished = unfinished || flow == Flow::unfinished;
  }
  if (connection->directions[0].shut && connection->directions[1].shut) return close(connection);
  if (unfinished) queue(connection);
}

TcpPublisher::Flow TcpPublisher::pump(Connection& connection, size_t from) {
  auto& direction = connection.directions[from];
  if (direction.shut) return Flow::waits;
  bool moved = true;
  for (int count = 0; moved && count < k_moves_in_a_row; ++count) {
    moved = false;
    if (!fill(connection, from, moved) || !empty(connection, from, moved)) return Flow::failed;
  }
  settle(direction);
  if (direction.ended && direction.held_bytes == 0) finish(connection, from);
  return moved && !direction.shut ? Flow::unfinished : Flow::waits;
}

// What has come, into the pipe. False: the connection is broken.
bool TcpPublisher::fill(Connection& connection, size_t from, bool& moved) {
  auto& direction = connection.directions[from];
  if (direction.ended) return true;
  // More of them than that would keep clients away.
  if (!direction.pipe) direction.pipe = pipes_.take(site_.shares.connections / 4);
  if (!direction.pipe) return copy(connection, from, moved);
  const auto count = ::splice(connection.ends[from].get(), nullptr, direction.pipe->write_end.get(), nullptr,
                              k_move_bytes, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) direction.ended = true;
  direction.held_bytes += static_cast<size_t>(count);
  moved = moved || count > 0;
  return true;
}

// Out of the pipe, to the other side.
bool TcpPublisher::empty(Connection& connection, size_t from, bool& moved) {
  auto& direction = connection.directions[from];
  if (direction.held_bytes == 0) return true;
  const auto count = ::splice(direction.pipe->read_end.get(), nullptr, connection.ends[1 - from].get(), nullptr,
                              direction.held_bytes, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  direction.held_bytes -= static_cast<size_t>(count);
  moved = moved || count > 0;
  return true;
}

// Without a pipe: what the other side has taken leaves the queue that it came in, the rest waits there.
bool TcpPublisher::copy(Connection& connection, size_t from, bool& moved) {
  std::array<char, k_copy_bytes> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
  const int source = connection.ends[from].get();
  const auto count = ::recv(source, bytes.data(), bytes.size(), MSG_PEEK);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) {
    connection.directions[from].ended = true;
    return true;
  }
  const auto sent = ::send(connection.ends[1 - from].get(), bytes.data(), static_cast<size_t>(count), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR;
  moved = true;
  // tcp(7): with this flag the bytes are thrown away.
  return ::recv(source, bytes.data(), static_cast<size_t>(sent), MSG_TRUNC) == sent;
}

void TcpPublisher::settle(Direction& direction) {
  if (!direction.pipe || direction.held_bytes != 0) return;
  pipes_.give_back(std::move(*direction.pipe));
  direction.pipe.reset();
  close_pipes_later();
  make_room();
}

void TcpPublisher::close_pipes_later() {
  if (std::exchange(closes_pipes_, true)) return;
  site_.loop.add_timer(k_keep_pipes, [this] {
    closes_pipes_ = false;
    if (pipes_.close_unused()) close_pipes_later();
  });
}

void TcpPublisher::finish(Connection& connection, size_t from) {
  connection.directions[from].shut = true;
  // The end of both is told by closing.
  if (!connection.directions[1 - from].shut) (void)::shutdown(connection.ends[1 - from].get(), SHUT_WR);
}

void TcpPublisher::queue(Handle connection) {
  if (std::exchange(connection->queued, true)) return;
  unfinished_.push_back(connection);
  if (unfinished_.size() > 1) return;
  site_.loop.add_timer(std::chrono::milliseconds(0), [this] {
    for (const auto next : std::exchange(unfinished_, {})) {
      next->queued = false;
      go_on(next);
    }
  });
}

void TcpPublisher::close(Handle connection) {
  if (connection->queued) std::erase(unfinished_, connection);
  for (const auto& end : connection->ends) site_.loop.remove(end.get());
  for (const auto& direction : connection->directions) {
    if (direction.pipe) pipes_.forget();
  }
  connections_.erase(connection);
  make_room();
}

void TcpPublisher::reset(Handle connection) {
  // The numbers are still in the loop's list.
  for (const auto& end : connection->ends) site_.loop.remove(end.get());
  for (auto& end : connection->ends) close_hard(std::move(end));
  close(connection);
}

}  // namespace ctr::engine::network

// Published TCP ports: each connection is accepted on the host, made again inside with the client's address as its
// source, and what flows is moved by the kernel through pipes.
//
// A connection holds a pipe only while bytes wait in it, so that those that are idle cost two sockets. A side that does
// not read keeps the other from sending, once the pipe between them is full. Where descriptors are scarce, bytes go
// through this process instead, and clients wait in the backlog until another's connection ends.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <list>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "engine/network/proxy/endpoint.h"
#include "engine/network/proxy/part.h"

namespace ctr::engine::network {

// Pipes for bytes on their way. Some that are empty are kept.
class PipeStock {
 public:
  // At most so many at once. nullopt: there are no descriptors for another one.
  std::optional<Pipe> take(size_t most);
  // `pipe` is empty.
  void give_back(Pipe pipe);
  // One that is not empty has been closed.
  void forget() { --taken_; }
  size_t count() const { return taken_ + idle_.size(); }
  void close_idle() { idle_.clear(); }
  // Closes those that nobody has wanted since the last call. False: none are left that may be closed later.
  bool close_unused();

 private:
  std::vector<Pipe> idle_;
  size_t taken_ = 0;
  size_t unused_ = 0;  // of idle_: the fewest that there were since close_unused()
};

class TcpPublisher {
 public:
  explicit TcpPublisher(ProxySite& site) : site_(site) {}
  TcpPublisher(const TcpPublisher&) = delete;
  TcpPublisher& operator=(const TcpPublisher&) = delete;

  // Accepts connections of `socket`, which listens.
  Result<void> add(const PublishedPort& port, Fd socket);
  void remove(const PublishedPort& port);

 private:
  struct Listener {
    PublishedPort port;
    Fd socket;
    bool local = false;  // of the host itself alone
  };
  struct Direction {
    std::optional<Pipe> pipe;  // while it holds bytes
    size_t held_bytes = 0;
    bool ended = false;  // nothing comes any more
    bool shut = false;   // and the other side knows
  };
  // Side 0 is the client, side 1 the container; direction n flows from side n.
  struct Connection {
    std::array<Fd, 2> ends;
    std::array<Direction, 2> directions;
    bool connected = false;  // to the container
    bool queued = false;     // in unfinished_
  };
  using Connections = std::list<Connection>;
  using Handle = Connections::iterator;
  enum class Flow { waits, unfinished, failed };

  void accept_some(Listener& listener);
  void accept_later(std::chrono::milliseconds wait);
  bool has_room();
  void make_room();
  // False when nobody else can be accepted at the moment.
  bool accept_one(Listener& listener, bool& more);
  void open(const Listener& listener, Fd client, const SocketAddress& address);
  void on_event(Handle connection, size_t side, uint32_t events);
  void go_on(Handle connection);
  Flow pump(Connection& connection, size_t from);
  bool fill(Connection& connection, size_t from, bool& moved);
  bool empty(Connection& connection, size_t from, bool& moved);
  static bool copy(Connection& connection, size_t from, bool& moved);
  void settle(Direction& direction);
  void close_pipes_later();
  void finish(Connection& connection, size_t from);
  void queue(Handle connection);
  void close(Handle connection);
  void reset(Handle connection);

  ProxySite& site_;
  std::list<Listener> listeners_;
  Connections connections_;
  PipeStock pipes_;
  std::deque<Handle> unfinished_;
  bool accepts_later_ = false;
  bool closes_pipes_ = false;
  bool full_ = false;  // until something of a connection is closed
};

}  // namespace ctr::engine::network

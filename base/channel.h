// Messages with descriptors over an AF_UNIX SOCK_SEQPACKET socket: one JSON value a packet.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/result.h"

namespace ctr {

struct Message {
  Json body;
  std::vector<Fd> fds;
};

class [[nodiscard]] Channel {
 public:
  explicit Channel(Fd socket) : socket_(std::move(socket)) {}
  // Listens on / connects to a socket in `dir`, through /proc/self/fd, since paths over 107 bytes do not fit an
  // address. The file has mode 0600; one of that name is replaced, so the caller holds the lock of what the socket
  // belongs to.
  static Result<Fd> listen(const Dir& dir, std::string_view name);
  static Result<Channel> connect(const Dir& dir, std::string_view name);
  // Takes the next connection of a descriptor that listen() returned.
  static Result<Channel> accept(int listener);

  int fd() const { return socket_.get(); }
  // For those who speak another protocol over it.
  Fd take_socket() && { return std::move(socket_); }
  // At most 16 descriptors and 64 KiB of JSON a packet. The descriptors stay the caller's.
  // Errors: invalid (larger), timed_out when the peer does not read for ten seconds.
  Result<void> send(const Json& body, const std::vector<int>& fds = {});
  // nullopt when the peer has closed. Errors: interrupted, timed_out, invalid.
  Result<std::optional<Message>> receive(const CancelToken& cancel = {},
                                         std::optional<std::chrono::milliseconds> timeout = {});

 private:
  Fd socket_;
};

// An Error as data, for answers between processes.
Json to_json(const Error& error);
// Any value reads as some error: what is missing or of the wrong type is left empty.
Error error_from_json(const Json& value);

}  // namespace ctr

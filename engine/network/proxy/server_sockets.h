// Sockets in the host's network namespace for questions to the host's name servers.
//
// They are made before netproxy joins the container's network, and used again and again: a socket that is disconnected
// and connected anew has another port of the kernel's choice, so that answers are as hard to guess as with a fresh one.
#pragma once

#include <sys/socket.h>

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "engine/network/netlink.h"
#include "engine/network/proxy/endpoint.h"

namespace ctr::engine::network {

class ServerSockets {
 public:
  // In the host's network namespace. A family that the kernel does not have has no sockets; of few descriptors few are
  // taken.
  static Result<ServerSockets> make(size_t descriptor_limit);

  // Connected to `server`; of TCP it may be on its way yet. `type` is SOCK_DGRAM or SOCK_STREAM. nullopt
  // when all are in use, or there is no way to the server.
  std::optional<Fd> connect(const Endpoint& server, int type);
  // Most of those for such a server are in use.
  bool are_scarce(const Endpoint& server, int type) const;
  // Nothing that arrives for it is seen any more.
  void give_back(Fd socket);
  // The host's own address of this family that packets to the outside come from.
  std::optional<IpAddress> host_address(int family);

 private:
  using Kind = std::pair<int, int>;  // family and type
  std::optional<Fd> take(Kind kind);

  std::map<Kind, std::vector<Fd>> idle_;
  std::map<Kind, size_t> made_;
};

}  // namespace ctr::engine::network

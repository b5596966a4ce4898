#include "engine/network/proxy/server_sockets.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace ctr::engine::network {
namespace {

constexpr uint16_t k_any_port = 9;
// How many questions wait for an answer at the same time. More than this is no traffic of programs that look up names.
struct Stock {
  int family;
  int type;
  size_t count;
};
constexpr auto k_stocks = std::to_array<Stock>(
    {{AF_INET, SOCK_DGRAM, 48}, {AF_INET6, SOCK_DGRAM, 16}, {AF_INET, SOCK_STREAM, 8}, {AF_INET6, SOCK_STREAM, 4}});

// Where there may be fewer than so many, there are as much fewer of these.
constexpr size_t k_ample_descriptors = 256;

// Addresses for documentation (RFC 5737, RFC 3849), which are routed like any outside address.
constexpr std::string_view k_outside4 = "192.0.2.1";
constexpr std::string_view k_outside6 = "2001:db8::1";

bool disconnect(const Fd& socket) {
  sockaddr none{};
  none.sa_family = AF_UNSPEC;
  return ::connect(socket.get(), &none, sizeof none) == 0;
}

}  // namespace

Result<ServerSockets> ServerSockets::make(size_t descriptor_limit) {
  ServerSockets sockets;
  for (const auto& stock : k_stocks) {
    auto& list = sockets.idle_[{stock.family, stock.type}];
    const size_t count = stock.count * std::min(descriptor_limit, k_ample_descriptors) / k_ample_descriptors;
    for (size_t i = 0; i < std::max<size_t>(1, count); ++i) {
      Fd socket(::socket(stock.family, stock.type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (!socket.valid() && stock.family == AF_INET6) break;
      if (!socket.valid()) return Error::from_errno("open a socket for questions to name servers");
      list.push_back(std::move(socket));
    }
    sockets.made_[{stock.family, stock.type}] = list.size();
  }
  return sockets;
}

std::optional<Fd> ServerSockets::take(Kind kind) {
  auto& list = idle_[kind];
  if (list.empty()) return std::nullopt;
  Fd socket = std::move(list.back());
  list.pop_back();
  return socket;
}

bool ServerSockets::are_scarce(const Endpoint& server, int type) const {
  const Kind kind = {server.ip.family, type};
  const auto idle = idle_.find(kind);
  const auto made = made_.find(kind);
  return idle == idle_.end() || made == made_.end() || idle->second.size() * 3 < made->second;
}

std::optional<Fd> ServerSockets::connect(const Endpoint& server, int type) {
  auto socket = take({server.ip.family, type});
  if (!socket) return std::nullopt;
  const auto address = to_socket_address(server);
  if (::connect(socket->get(), address.get(), address.size) == 0 || errno == EINPROGRESS) return socket;
  give_back(std::move(*socket));
  return std::nullopt;
}

void ServerSockets::give_back(Fd socket) {
  int family = 0;
  int type = 0;
  socklen_t size = sizeof family;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &family, &size) < 0) return;
  size = sizeof type;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) < 0) return;
  if (!disconnect(socket)) return;
  // What has arrived before, and errors.
  std::array<char, 512> rest{};
  for (int i = 0; i < 64 && ::recv(socket.get(), rest.data(), rest.size(), MSG_DONTWAIT) >= 0; ++i) {
    if (type == SOCK_STREAM) break;
  }
  idle_[{family, type}].push_back(std::move(socket));
}

std::optional<IpAddress> ServerSockets::host_address(int family) {
  const auto outside = parse_ip_address(family == AF_INET ? k_outside4 : k_outside6);
  auto socket = take({family, SOCK_DGRAM});
  if (!outside || !socket) return std::nullopt;
  const auto peer = to_socket_address({.ip = *outside, .port = k_any_port});
  SocketAddress own;
  std::optional<IpAddress> found;
  if (::connect(socket->get(), peer.get(), peer.size) == 0 && ::getsockname(socket->get(), own.get(), &own.size) == 0) {
    found = from_socket_address(own).ip;
  }
  give_back(std::move(*socket));
  return found;
}

}  // namespace ctr::engine::network

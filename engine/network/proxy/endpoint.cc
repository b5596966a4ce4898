#include "engine/network/proxy/endpoint.h"

#include <linux/in6.h>

#include <algorithm>
#include <cstring>

namespace ctr::engine::network {
namespace {

bool is_link_local(const IpAddress& ip) {
  return ip.family == AF_INET6 && ip.bytes[0] == 0xfe && (ip.bytes[1] & 0xc0) == 0x80;
}

// Of these nobody is a client: forged, or a mistake.
bool is_nobody(const IpAddress& ip) {
  if (ip.family == AF_INET) return ip.bytes[0] == 0 || ip.bytes[0] >= 224;
  const bool unspecified = std::all_of(ip.bytes.begin(), ip.bytes.end(), [](uint8_t byte) { return byte == 0; });
  return unspecified || ip.bytes[0] == 0xff;
}

}  // namespace

bool is_loopback(const IpAddress& ip) {
  if (ip.family == AF_INET) return ip.bytes[0] == 127;
  static constexpr std::array<uint8_t, 16> k_loopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return ip.bytes == k_loopback;
}

SocketAddress to_socket_address(const Endpoint& endpoint) {
  SocketAddress address;
  if (endpoint.ip.family == AF_INET) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    std::memcpy(&in.sin_addr, endpoint.ip.bytes.data(), sizeof in.sin_addr);
    std::memcpy(&address.storage, &in, sizeof in);
    address.size = sizeof in;
    return address;
  }
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(endpoint.port);
  in.sin6_scope_id = endpoint.scope;
  std::memcpy(&in.sin6_addr, endpoint.ip.bytes.data(), sizeof in.sin6_addr);
  std::memcpy(&address.storage, &in, sizeof in);
  address.size = sizeof in;
  return address;
}

IpAddress unmapped(const IpAddress& address) {
  static constexpr std::array<uint8_t, 12> k_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (address.family != AF_INET6 || !std::equal(k_prefix.begin(), k_prefix.end(), address.bytes.begin())) {
    return address;
  }
  IpAddress plain;
  plain.family = AF_INET;
  std::copy(address.bytes.begin() + 12, address.bytes.end(), plain.bytes.begin());
  return plain;
}

Endpoint from_socket_address(const SocketAddress& address) {
  Endpoint endpoint;
  endpoint.ip.family = address.storage.ss_family;
  if (endpoint.ip.family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address.storage, sizeof in);
    std::memcpy(endpoint.ip.bytes.data(), &in.sin_addr, sizeof in.sin_addr);
    endpoint.port = ntohs(in.sin_port);
    return endpoint;
  }
  sockaddr_in6 in{};
  std::memcpy(&in, &address.storage, sizeof in);
  std::memcpy(endpoint.ip.bytes.data(), &in.sin6_addr, sizeof in.sin6_addr);
  endpoint.port = ntohs(in.sin6_port);
  endpoint.ip = unmapped(endpoint.ip);
  if (is_link_local(endpoint.ip)) endpoint.scope = in.sin6_scope_id;
  return endpoint;
}

std::optional<Passage> plan_passage(const Endpoint& client, uint16_t container_port, const ProxyAddresses& addresses) {
  if (is_nobody(client.ip)) return std::nullopt;
  bool four = client.ip.family == AF_INET;
  const bool other_family = !(four ? addresses.container4 : addresses.container6);
  if (other_family) four = !four;
  const auto& target = four ? addresses.container4 : addresses.container6;
  const auto& gateway = four ? addresses.gateway4 : addresses.gateway6;
  if (!target) return std::nullopt;
  Passage passage = {{client.ip, client.port}, {*target, container_port}};
  const bool stranger = other_family || is_loopback(client.ip) || is_link_local(client.ip) || client.ip == *target;
  if (!stranger) return passage;
  if (!gateway) return std::nullopt;
  passage.source.ip = *gateway;
  return passage;
}

Result<Fd> open_as(const Endpoint& source, int type, SourcePort port) {
  const bool four = source.ip.family == AF_INET;
  Fd fd(::socket(source.ip.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return Error::from_errno("make a socket in the container's network");
  const auto set = [&fd](int level, int name, int value) {
    return ::setsockopt(fd.get(), level, name, &value, sizeof value) == 0;
  };
  if (!set(SOL_SOCKET, SO_MARK, static_cast<int>(k_proxy_mark)) || !set(SOL_SOCKET, SO_REUSEADDR, 1) ||
      !set(four ? SOL_IP : SOL_IPV6, four ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1)) {
    return Error::from_errno("make a socket with a client's address");
  }
  auto wanted = source;
  if (port == SourcePort::wanted) {
    const auto address = to_socket_address(wanted);
    if (::bind(fd.get(), address.get(), address.size) == 0) return fd;
  }
  wanted.port = 0;
  // A port that is free for this one peer is enough.
  if (type == SOCK_STREAM) (void)set(SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  const auto address = to_socket_address(wanted);
  if (::bind(fd.get(), address.get(), address.size) < 0) {
    return Error::from_errno("bind a socket to " + source.ip.to_string());
  }
  return fd;
}

}  // namespace ctr::engine::network

#include "engine/network/host_names.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "engine/network/mounted_file.h"

namespace ctr::engine::network {
namespace {

bool names_host(const std::vector<std::string>& parts) {
  return parts.size() > 1 && std::find(parts.begin() + 1, parts.end(), k_host_name) != parts.end();
}

// The address that packets to `peer` would come from; empty where there is no way to it. A UDP socket that is connected
// sends nothing.
std::string source_towards(const sockaddr* peer, socklen_t peer_size) {
  const Fd socket_fd(socket(peer->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_fd.valid() || connect(socket_fd.get(), peer, peer_size) != 0) return {};
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (getsockname(socket_fd.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* address = peer->sa_family == AF_INET
                            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&own)->sin_addr)
                            : static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(&own)->sin6_addr);
  if (!inet_ntop(peer->sa_family, address, text.data(), text.size())) return {};
  const std::string found = text.data();
  const bool usable = !found.starts_with("127.") && !found.starts_with("fe80:") && found != "0.0.0.0" && found != "::1";
  return usable ? found : std::string{};
}

// What tells of changed routes: with the first default route the host has an address, and with another one another.
Fd open_routes() {
  Fd routes(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (!routes.valid() || ::bind(routes.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0) {
    return {};
  }
  return routes;
}

Result<void> rewrite(const std::string& path, const std::string& address) {
  return rewrite_mounted(path, with_host_address(TRY(read_file(path, k_mounted_limit_bytes)), address));
}

}  // namespace

std::vector<std::string> line_words(std::string_view line) {
  line = line.substr(0, line.find('#'));
  std::vector<std::string> result;
  size_t at = 0;
  while (at < line.size()) {
    const auto start = line.find_first_not_of(" \t\r", at);
    if (start == std::string_view::npos) break;
    const auto end = std::min(line.find_first_of(" \t\r", start), line.size());
    result.emplace_back(line.substr(start, end - start));
    at = end;
  }
  return result;
}

std::string host_address() {
  // 192.0.2.1 and 2001:db8::1 are for documentation (RFC 5737, RFC 3849): routed like any outside address.
  sockaddr_in peer4{};
  peer4.sin_family = AF_INET;
  peer4.sin_port = htons(9);
  peer4.sin_addr.s_addr = htonl(0xc0000201);
  auto address = source_towards(reinterpret_cast<const sockaddr*>(&peer4), sizeof peer4);
  if (!address.empty()) return address;
  sockaddr_in6 peer6{};
  peer6.sin6_family = AF_INET6;
  peer6.sin6_port = htons(9);
  peer6.sin6_addr.s6_addr[0] = 0x20;
  peer6.sin6_addr.s6_addr[1] = 0x01;
  peer6.sin6_addr.s6_addr[2] = 0x0d;
  peer6.sin6_addr.s6_addr[3] = 0xb8;
  peer6.sin6_addr.s6_addr[15] = 1;
  return source_towards(reinterpret_cast<const sockaddr*>(&peer6), sizeof peer6);
}

std::string host_address_in(std::string_view hosts) {
  for (const auto& line : split(hosts, '\n')) {
    if (const auto parts = line_words(line); names_host(parts)) return parts.front();
  }
  return {};
}

std::string with_host_address(std::string_view hosts, const std::string& address) {
  std::string text;
  bool named = false;
  for (const auto& line : split(hosts, '\n')) {
    auto parts = line_words(line);
    if (!named && names_host(parts)) {
      named = true;
      parts.erase(parts.begin());
      text += fmt::format("{}\t{}\n", address, join(parts, " "));
    } else if (!line.empty()) {
      text += line + "\n";
    }
  }
  if (!named) text += fmt::format("{}\t{} {}\n", address, k_host_name, k_docker_host_name);
  return text;
}

HostNames::HostNames(std::string hosts_file) : hosts_file_(std::move(hosts_file)), routes_(open_routes()) {
  const auto text = read_file(hosts_file_, k_mounted_limit_bytes);
  if (text) address_ = host_address_in(*text);
  const bool ours = text && (address_.empty() || address_ == host_address());
  if (!ours) routes_ = Fd();
}

void HostNames::look() {
  // What has changed is seen anew; messages that were lost had nothing else to say.
  std::array<char, 8192> messages{};
  while (::recv(routes_.get(), messages.data(), messages.size(), 0) > 0 || errno == ENOBUFS || errno == EINTR) {
  }
  auto now = host_address();
  if (now.empty() || now == address_) return;
  address_ = std::move(now);
  rewrite(hosts_file_, address_).ignore("the container may have made the file its own");
}

}  // namespace ctr::engine::network

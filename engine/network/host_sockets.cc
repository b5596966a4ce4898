#include "engine/network/host_sockets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "engine/network/port_holder.h"
#include "engine/network/proxy/endpoint.h"

namespace ctr::engine::network {
namespace {

constexpr uint64_t k_most_passed = 1024;

int socket_type(PortProtocol protocol) { return protocol == PortProtocol::tcp ? SOCK_STREAM : SOCK_DGRAM; }

std::string port_text(const PublishedPort& port) {
  const auto ip = port.host_ip.empty() ? "0.0.0.0" : port.host_ip;
  const auto address = ip.find(':') == std::string::npos ? ip : "[" + ip + "]";
  return fmt::format("{}:{}/{}", address, port.host_port, protocol_name(port.protocol));
}

// The first port that a user may bind. Source: ip(7), ip_unprivileged_port_start.
uint64_t first_free_port() {
  const auto text = read_kernel_file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  if (!text) return 1024;
  return parse_unsigned(trim(*text), "the first port", 65536).value_or(1024);
}

Error refused(const PublishedPort& port, int code, const PortHolders& holders) {
  if (code == EACCES) {
    return Error(Errc::permission, fmt::format("cannot publish port {}/{}: ports below {} need privileges",
                                               port.host_port, protocol_name(port.protocol), first_free_port()))
        .with_hint(fmt::format("use a higher port, or have root run 'sysctl net.ipv4.ip_unprivileged_port_start={}'",
                               port.host_port));
  }
  if (code == EADDRINUSE) {
    const auto holder = find_port_holder(port, holders);
    const auto by = holder.empty() ? "" : " (by " + holder + ")";
    return Error(Errc::in_use, fmt::format("cannot publish {}: address already in use{}", port_text(port), by))
        .with_hint("choose another port of the host, or stop what uses this one");
  }
  auto error = Error::from_errno("cannot publish " + port_text(port), code);
  if (code != EADDRNOTAVAIL) return error;
  return std::move(error).with_hint("the host has no such address: `ip address` shows those it has");
}

// One socket for all addresses, or that of one.
enum class Families { both, one };

Result<Fd> try_bind(const PublishedPort& port, const IpAddress& address, Families families) {
  Fd fd(::socket(address.family, socket_type(port.protocol) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return Error::from_errno("socket");
  const int on = 1;
  const int only = families == Families::one ? 1 : 0;
  if (address.family == AF_INET6) (void)::setsockopt(fd.get(), SOL_IPV6, IPV6_V6ONLY, &only, sizeof only);
  // Connections of before that are remembered do not keep the port. UDP knows no such thing: there it would share.
  if (port.protocol == PortProtocol::tcp) (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto place = to_socket_address({address, port.host_port});
  if (::bind(fd.get(), place.get(), place.size) < 0) return Error::from_errno("bind");
  if (port.protocol == PortProtocol::tcp && ::listen(fd.get(), SOMAXCONN) < 0) return Error::from_errno("listen");
  return fd;
}

Result<Fd> try_bind(const PublishedPort& port) {
  if (!port.host_ip.empty()) return try_bind(port, TRY(parse_ip_address(port.host_ip)), Families::one);
  IpAddress any;
  any.family = AF_INET6;
  auto both = try_bind(port, any, Families::both);
  if (both || (both.error().sys() != EAFNOSUPPORT && both.error().sys() != EADDRNOTAVAIL)) return both;
  any.family = AF_INET;
  return try_bind(port, any, Families::one);
}

Result<uint16_t> port_of(const Fd& fd) {
  SocketAddress own;
  if (::getsockname(fd.get(), own.get(), &own.size) < 0) return Error::from_errno("read the port of a socket");
  return from_socket_address(own).port;
}

// The usual limit is 1024; what the container gets does not depend on it.
void make_room(size_t count) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > count + 256) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

std::optional<PassedSocket> describe_socket(int fd) {
  SocketAddress own;
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockname(fd, own.get(), &own.size) < 0) return std::nullopt;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) return std::nullopt;
  const auto family = own.storage.ss_family;
  if ((family != AF_INET && family != AF_INET6) || (type != SOCK_STREAM && type != SOCK_DGRAM)) return std::nullopt;
  const auto place = from_socket_address(own);
  int only = 1;
  size = sizeof only;
  if (family == AF_INET6) (void)::getsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &only, &size);
  return PassedSocket{type == SOCK_STREAM ? PortProtocol::tcp : PortProtocol::udp, place.ip, place.port, only == 0, fd};
}

std::vector<PassedSocket> find_passed_sockets(const Environment& environment, pid_t self) {
  std::vector<PassedSocket> sockets;
  if (environment_value(environment, "LISTEN_PID") != std::to_string(self)) return sockets;
  const auto count =
      parse_unsigned(environment_value(environment, "LISTEN_FDS"), "LISTEN_FDS", k_most_passed).value_or(0);
  for (int fd = 3; fd < 3 + static_cast<int>(count); ++fd) {
    if (auto socket = describe_socket(fd)) sockets.push_back(std::move(*socket));
  }
  return sockets;
}

bool fits(const PassedSocket& socket, const PublishedPort& port) {
  if (socket.protocol != port.protocol || socket.port != port.host_port || port.host_port == 0) return false;
  const bool any = socket.address.to_string() == "::" || socket.address.to_string() == "0.0.0.0";
  return port.host_ip.empty() ? any : socket.address.to_string() == port.host_ip;
}

Result<std::vector<Fd>> bind_ports(std::vector<PublishedPort>& ports, const std::vector<PassedSocket>& passed,
                                   const PortHolders& holders) {
  std::vector<Fd> sockets;
  make_room(ports.size());
  for (auto& port : ports) {
    const auto given =
        std::find_if(passed.begin(), passed.end(), [&](const PassedSocket& socket) { return fits(socket, port); });
    if (given != passed.end()) {
      Fd copy(::fcntl(given->fd, F_DUPFD_CLOEXEC, 3));
      if (!copy.valid()) return Error::from_errno("take the socket of " + port_text(port));
      // Processes that we start are not to have it, too.
      TRY(set_inherit(given->fd, Inherit::no));
      sockets.push_back(std::move(copy));
      continue;
    }
    auto socket = try_bind(port);
    if (!socket) return refused(port, socket.error().sys(), holders);
    if (port.host_port == 0) port.host_port = TRY(port_of(*socket));
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

}  // namespace ctr::engine::network

// Sockets of the host at which published ports are reached. They are made by the command that starts a container,
// before anything of the container is, so that what cannot be had is told to the user.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/paths.h"
#include "base/result.h"
#include "engine/network/proxy_plan.h"

namespace ctr::engine::network {

// One that the service manager has passed. Source: sd_listen_fds(3).
struct PassedSocket {
  PortProtocol protocol = PortProtocol::tcp;
  IpAddress address;
  uint16_t port = 0;
  bool both_families = false;
  int fd = -1;
};
// nullopt: `fd` is no IP socket.
std::optional<PassedSocket> describe_socket(int fd);
// Those of LISTEN_FDS that are IP sockets, if LISTEN_PID is `self`.
std::vector<PassedSocket> find_passed_sockets(const Environment& environment, pid_t self);
// Whether a socket that was passed is the one that `port` asks for.
bool fits(const PassedSocket& socket, const PublishedPort& port);

// Errors when a port cannot be had name who has it.
struct PortHolders {
  // The name of the container with this beginning of its id; empty: there is none.
  std::function<std::string(std::string_view id)> container_name;
  std::function<std::string(std::string_view id)> pod_name = {};
};

// A listening (TCP) or bound (UDP) socket for each port; where the port is 0 the kernel chooses, and it is filled in.
// Without an address one socket takes both families, or IPv4 alone where the host has no IPv6.
// Errors: in_use, permission and others of bind(2), which name the port.
Result<std::vector<Fd>> bind_ports(std::vector<PublishedPort>& ports, const std::vector<PassedSocket>& passed,
                                   const PortHolders& holders);

}  // namespace ctr::engine::network

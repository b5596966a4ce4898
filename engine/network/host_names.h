// host.containers.internal in the hosts file of a container, whose host gets another address, or its first one.
//
// Source: rtnetlink(7), hosts(5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace ctr::engine::network {

inline constexpr const char* k_host_name = "host.containers.internal";
inline constexpr const char* k_docker_host_name = "host.docker.internal";

// The address other machines would see: that of the interface with the default route. Empty when offline.
std::string host_address();

// The words of a line of hosts(5) or resolv.conf(5), without its comment.
std::vector<std::string> line_words(std::string_view line);
// The address that a hosts file has for the host; empty: none.
std::string host_address_in(std::string_view hosts);
// The file with that address, in the line where the name is or in a new one.
std::string with_host_address(std::string_view hosts, const std::string& address);

class [[nodiscard]] HostNames {
 public:
  // `hosts_file`: the container's, on the host. One that says another address than the host has now is left alone:
  // somebody has chosen it.
  explicit HostNames(std::string hosts_file);

  // Readable when routes of the host have changed; -1: the file stays as it is.
  int fd() const { return routes_.get(); }
  // Looks at the host once more. The last address stays in the file of a host that has none.
  void look();

 private:
  std::string hosts_file_;
  std::string address_;  // what the file says
  Fd routes_;
};

}  // namespace ctr::engine::network

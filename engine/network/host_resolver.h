// The name servers of the host, followed as they change: /etc/resolv.conf and what it points to.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace ctr::engine::network {

// The addresses behind "nameserver", those of a link with its interface ("fe80::1%eth0"); what is none is left out.
// Source: resolv.conf(5).
std::vector<std::string> name_servers(std::string_view resolv_conf);

class [[nodiscard]] HostResolver {
 public:
  // `path`: /etc/resolv.conf. Without inotify the servers stay those of now.
  explicit HostResolver(std::string path);

  const std::vector<std::string>& servers() const { return servers_; }
  // Readable when something has happened to the file; -1 without inotify.
  int fd() const { return inotify_.get(); }
  // Looks at the file once more. True when the servers are others.
  bool look();

 private:
  void watch();
  void watch_folder(const std::string& wanted);

  std::string path_;
  std::vector<std::string> servers_;
  Fd inotify_;
};

}  // namespace ctr::engine::network

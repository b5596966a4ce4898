// What is known of all networks, from the files of their members: see engine/network/members.h.
#pragma once

#include <sys/stat.h>

#include <map>
#include <string>

#include "engine/network/proxy/dns_answer.h"

namespace ctr::engine::network {

class NamesReader {
 public:
  // `root`: where each network has its directory.
  explicit NamesReader(std::string root) : root_(std::move(root)) {}

  // As the files are now; only those that have changed are read. What cannot be read is as if it were empty.
  const dns::KnownNetworks& read();

 private:
  // Files are replaced, never changed: another inode or time is another content.
  struct Stamp {
    ino_t inode = 0;
    timespec changed{};
    off_t size_bytes = 0;
    nlink_t links = 0;
    bool operator==(const Stamp& other) const;
  };
  struct Seen {
    Stamp names, definition;
  };
  static Stamp stamp_of(const std::string& path);
  void list_networks();
  void read_network(const std::string& name, Seen& seen);

  std::string root_;
  Stamp listed_;
  std::map<std::string, Seen> seen_;
  dns::KnownNetworks networks_;
};

}  // namespace ctr::engine::network

// Volumes as the front-ends see them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace ctr::engine {

struct VolumeInfo {
  std::string name;
  std::string driver;
  std::string mountpoint;  // absolute
  TimePoint created;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> options;
  uint32_t uid = 0;
  uint32_t gid = 0;
  bool anonymous = false;
  bool needs_copy_up = false;
  bool needs_chown = false;
  int mount_count = 0;             // how often it is mounted now: volumes that are directories never are
  std::vector<std::string> users;  // ids of the containers that name it
  bool dangling() const { return users.empty(); }
};

// What `volume create` says.
struct VolumeOptions {
  std::string name;  // empty: one is made up
  std::string driver = "local";
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> options;  // "type", "device", "o", …
  std::optional<uint32_t> uid, gid;            // owner of its directory, in the user namespace
  bool ignore_existing = false;
};

}  // namespace ctr::engine

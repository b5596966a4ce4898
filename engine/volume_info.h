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

// A file that a new volume begins with.
struct VolumeFile {
  std::string path;  // relative
  std::string bytes;
  uint32_t mode = 0644;
  bool operator==(const VolumeFile&) const = default;
};

// What `volume create` says.
struct VolumeOptions {
  std::string name;  // empty: one is made up
  std::string driver = "local";
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> options;  // "type", "device", "o", …
  std::optional<uint32_t> uid, gid;            // owner of its directory, in the user namespace
  bool ignore_existing = false;
  bool anonymous = false;  // it goes with the last container that uses it
  // What it holds from the moment on in which it is there; nothing of an image is added then.
  std::optional<std::vector<VolumeFile>> files = {};
  uint32_t mode = 0755;  // of its directory, with `files`
  bool operator==(const VolumeOptions&) const = default;
};

}  // namespace ctr::engine

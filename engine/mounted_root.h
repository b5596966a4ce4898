// A root that `mount` has mounted.
#pragma once

#include <string>
#include <vector>

namespace ctr::engine {

struct MountedRoot {
  std::string id;  // of the container or the image: 64 hex digits
  std::vector<std::string> names;
  std::string path;  // absolute
  bool operator==(const MountedRoot&) const = default;
};

}  // namespace ctr::engine

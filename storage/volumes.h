// Named volumes: volumes/<name>/{_data/,volume.json}.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "base/time.h"

namespace ctr::storage {

class StoreRoot;

struct VolumeRecord {
  std::string name;
  std::string driver = "local";
  TimePoint created{};
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> options;
  bool is_anonymous = false;  // goes with the container that made it (--rm, rm -v)
  bool operator==(const VolumeRecord&) const = default;
};

class VolumeStore {
 public:
  explicit VolumeStore(const StoreRoot& root) : root_(&root) {}

  // Errors: corrupt. nullopt when there is none.
  Result<std::optional<VolumeRecord>> find(const std::string& name) const;
  // Makes a volume unless there is one of that name; says which. Two processes that do it at once get the same volume.
  struct Made {
    VolumeRecord volume;
    bool is_new = false;  // the caller copies the image's content into a new one
  };
  // Errors: invalid (the name).
  Result<Made> find_or_make(const VolumeRecord& wanted) const;
  Result<std::vector<VolumeRecord>> list() const;
  // The data directory, to mount from. Errors: not_found.
  Result<Dir> open_data(const std::string& name) const;
  std::string data_path(const std::string& name) const;
  // Takes it into the trash. The caller has checked that no container uses it. Errors: not_found.
  Result<void> remove(const std::string& name) const;

 private:
  const StoreRoot* root_;
};

}  // namespace ctr::storage

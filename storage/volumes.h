// Named volumes: volumes/<name>/{_data/,volume.json}.
//
// The directory volumes/<name> itself carries the volume's lock. Shared: the volume stays; a container that is being
// created holds it until its record, which names the volume, is visible. Exclusive: nobody else uses or makes use of
// it; removing, filling and rewriting the record need it. Volume locks come after container locks, sorted by name.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/result.h"
#include "base/time.h"

namespace ctr::storage {

class StoreRoot;

struct VolumeRecord {
  std::string name;
  std::string driver = "local";
  TimePoint created{};
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> options;  // "type", "device", "o", … as podman keeps them
  uint32_t uid = 0;                            // owner asked for, in the user namespace
  uint32_t gid = 0;
  bool is_anonymous = false;  // goes with the container that made it (--rm, rm -v)
  // What the first container that mounts it has yet to do: fill it with what the image has at its place, and give its
  // directory that place's owner and mode. Records of before that were filled when they were made.
  bool needs_copy_up = true;
  bool needs_chown = true;
  bool operator==(const VolumeRecord&) const = default;
};

// A volume that cannot go away, as long as this lives.
struct HeldVolume {
  VolumeRecord record;
  FileLock lock;
  Dir dir;  // volumes/<name>
};

inline constexpr const char* k_volume_data = "_data";

class VolumeStore {
 public:
  explicit VolumeStore(const StoreRoot& root) : root_(&root) {}

  // Errors: corrupt, unsupported for a later schema. nullopt when there is none.
  Result<std::optional<VolumeRecord>> find(const std::string& name) const;
  // Sorted by name.
  Result<std::vector<VolumeRecord>> list() const;

  // Called with the directory of a volume, which has its data directory, before anybody else can see it.
  using Prepare = std::function<Result<void>(const Dir& volume)>;
  // Makes a volume. Without sync it may be lost in a power cut, whole. Errors: exists, invalid (the name), and those of
  // `prepare`.
  Result<void> make(const VolumeRecord& wanted, Sync sync, const Prepare& prepare = {}) const;
  // nullopt when there is none. Waits while others hold it in a way that excludes `mode`.
  Result<std::optional<HeldVolume>> hold(const std::string& name, LockMode mode, const CancelToken& cancel = {}) const;
  // Holds a volume shared, making it if need be. Two processes that do it at once get the same volume.
  struct Made {
    HeldVolume held;
    bool is_new = false;
  };
  Result<Made> hold_or_make(const VolumeRecord& wanted, Sync sync, const CancelToken& cancel = {}) const;
  // Rewrites the record of a volume that is held exclusively.
  Result<void> update(const HeldVolume& held) const;
  // Takes a volume that is held exclusively into the trash. The caller has seen that no container uses it.
  Result<void> remove(const HeldVolume& held) const;

  // The data directory, to mount from. Errors: not_found.
  Result<Dir> open_data(const std::string& name) const;
  std::string data_path(const std::string& name) const;

 private:
  const StoreRoot* root_;
};

}  // namespace ctr::storage

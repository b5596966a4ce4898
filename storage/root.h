// The open directories of a store, shared by its parts. Private to storage/.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/result.h"

namespace ctr::storage {

// The directories of the store; the order is that of k_area_paths in root.cc.
enum class Area {
  images,
  blobs_sha256,
  blobs_sha512,
  partials,
  pins,
  layers,
  layer_staging,
  layer_locks,
  containers,
  container_staging,
  names,
  pods,
  pod_staging,
  pod_names,
  volumes,
  volume_staging,
  secrets,
  secret_staging,
  trash,
};
inline constexpr size_t k_areas = 19;

class StoreRoot {
 public:
  // Where other stores are; see UserPaths::image_stores.
  using FindStores = std::function<std::vector<std::string>()>;
  StoreRoot(Dir dir, FileLock lock, std::string run_path, DebugLog* log, FindStores find_others = {})
      : dir_(std::move(dir)),
        lock_(std::move(lock)),
        run_path_(std::move(run_path)),
        log_(log),
        find_others_(std::move(find_others)) {}

  const Dir& dir() const { return dir_; }
  const std::string& run_path() const { return run_path_; }
  // Opened at the first call and kept; made (0700) when it is missing.
  Result<const Dir*> area(Area area) const;
  // The same without making it: nullptr when it is missing. For what only reads or takes away, which must work on a
  // full disk.
  Result<const Dir*> find_area(Area area) const;
  // Absolute path, without opening anything.
  std::string area_path(Area area) const;

  // Locks the file `name` of an area and tells the log who holds it when that takes over a second; `what` completes
  // "waiting for …".
  Result<FileLock> lock(Area area, std::string_view name, LockMode mode, const CancelToken& cancel,
                        std::string_view what) const;
  // Takes a lock on an open file or directory the same way.
  Result<FileLock> lock_open(Fd fd, LockMode mode, const CancelToken& cancel, std::string_view what) const;
  void debug(std::string_view line) const;
  void warn(std::string_view line) const;

  // The stores of others, opened at the first call. They are read and never written to: nothing is locked or made
  // there. One that is gone or damaged is left out with a warning.
  const std::vector<std::unique_ptr<StoreRoot>>& others() const;

  // Runs `act`; when the disk is full, gives up the reserve file and runs it once more. For acts that only take things
  // away but must write a little to do so.
  Result<void> with_reserve(const std::function<Result<void>()>& act) const;
  // Makes the reserve file unless it is there. A full disk is no error: there is nothing to keep back.
  void keep_reserve() const;

 private:
  Dir dir_;
  FileLock lock_;
  std::string run_path_;
  DebugLog* log_;
  FindStores find_others_;
  mutable bool has_others_ = false;
  mutable std::vector<std::unique_ptr<StoreRoot>> others_;
  mutable std::array<Dir, k_areas> areas_;
};

// flock(2) without waiting; false when somebody else holds it.
Result<bool> try_flock(int fd, LockMode mode, std::string_view what);

}  // namespace ctr::storage

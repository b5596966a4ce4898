// Directories that are being built. Private to storage/.
#pragma once

#include <string>

#include "base/file.h"
#include "base/lock.h"
#include "base/result.h"
#include "storage/root.h"

namespace ctr::storage {

// One directory of a .staging area, held by an exclusive flock on the directory itself: it needs no lock file, and the
// kernel frees it when the process dies. Destroyed before publish(), it goes to the trash.
class [[nodiscard]] StagingDir {
 public:
  // Errors: exists when a live process stages the same name.
  static Result<StagingDir> make(const StoreRoot& root, Area area, const std::string& name, mode_t mode);
  StagingDir(StagingDir&&) noexcept = default;
  StagingDir& operator=(StagingDir&&) noexcept;
  ~StagingDir();

  const Dir& dir() const { return dir_; }
  const std::string& name() const { return name_; }
  // Renames it, keeping what has the name already. Errors: exists.
  Result<void> publish(const Dir& to_dir, const std::string& to);

 private:
  StagingDir(const StoreRoot& root, Area area, std::string name, Dir dir)
      : root_(&root), area_(area), name_(std::move(name)), dir_(std::move(dir)) {}
  void discard();

  const StoreRoot* root_;
  Area area_;
  std::string name_;
  Dir dir_;
};

// True when `name` still is the directory that `dir` has open: it may have been moved away between open and lock.
bool is_still_there(const Dir& area, const std::string& name, const Dir& dir);
// True when a live process stages `name`.
Result<bool> is_staged(const StoreRoot& root, Area area, const std::string& name);
// Moves at most `limit` directories of dead processes from a staging area to the trash.
Result<size_t> sweep_staging(const StoreRoot& root, Area area, size_t limit);

}  // namespace ctr::storage

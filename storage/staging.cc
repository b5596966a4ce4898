#include "storage/staging.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "storage/trash.h"

namespace ctr::storage {
namespace {

// Blocks until the lock is free; a probe or a sweep holds it for microseconds.
bool wait_for_probe(const Dir& dir) {
  while (::flock(dir.fd(), LOCK_EX) < 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

}  // namespace

bool is_still_there(const Dir& area, const std::string& name, const Dir& dir) {
  struct stat here{};
  auto found = area.find(name);
  return found && *found && ::fstat(dir.fd(), &here) == 0 && (*found)->st_ino == here.st_ino &&
         (*found)->st_dev == here.st_dev;
}

Result<StagingDir> StagingDir::make(const StoreRoot& root, Area area, const std::string& name, mode_t mode) {
  const Dir* parent = TRY(root.area(area));
  // A sweep can take the directory at most once in each round, and only in the instant before it is locked.
  for (int round = 0; round < 16; ++round) {
    auto made = parent->make_dir(name, mode);
    if (!made && made.error().sys() != EEXIST) return std::move(made).error();
    auto dir = parent->open_dir(name);
    if (!dir && dir.error().sys() == ENOENT) continue;
    if (!dir) return std::move(dir).error();
    // Only a sweep or a probe can hold a directory that we have made, and for an instant.
    bool locked = TRY(try_flock(dir->fd(), LockMode::exclusive, "'" + dir->path() + "'"));
    if (!locked && made) locked = wait_for_probe(*dir);
    if (!is_still_there(*parent, name, *dir)) continue;
    if (!locked) break;
    if (made) return StagingDir(root, area, name, std::move(*dir));
    // Left behind by a dead process.
    TRY(Trash(root).discard(*parent, name));
  }
  return Error(Errc::exists, "'" + parent->path() + "/" + name + "' is being made by another process");
}

StagingDir& StagingDir::operator=(StagingDir&& other) noexcept {
  if (this != &other) {
    discard();
    root_ = other.root_;
    area_ = other.area_;
    name_ = std::move(other.name_);
    dir_ = std::move(other.dir_);
  }
  return *this;
}

StagingDir::~StagingDir() { discard(); }

void StagingDir::discard() {
  if (!dir_.valid()) return;
  auto parent = root_->area(area_);
  if (parent && !(*parent)->remove_dir(name_)) {
    Trash(*root_).discard(**parent, name_).ignore("a later sweep takes it, since its lock is free then");
  }
  dir_ = Dir();
}

Result<void> StagingDir::publish(const Dir& to_dir, const std::string& to) {
  const Dir* parent = TRY(root_->area(area_));
  TRY(parent->rename(name_, to_dir, to, RENAME_NOREPLACE));
  dir_ = Dir();
  return ok();
}

Result<bool> is_staged(const StoreRoot& root, Area area, const std::string& name) {
  const Dir* parent = TRY(root.find_area(area));
  if (parent == nullptr) return false;
  auto dir = parent->open_dir(name);
  if (!dir && dir.error().sys() == ENOENT) return false;
  if (!dir) return std::move(dir).error();
  return !TRY(try_flock(dir->fd(), LockMode::shared, "'" + dir->path() + "'"));
}

Result<size_t> sweep_staging(const StoreRoot& root, Area area, size_t limit) {
  size_t swept = 0;
  const Dir* parent = TRY(root.find_area(area));
  if (parent == nullptr) return swept;
  for (const auto& name : TRY(parent->list())) {
    if (swept == limit) break;
    auto dir = parent->open_dir(name);
    if (!dir) continue;
    if (!TRY(try_flock(dir->fd(), LockMode::exclusive, "'" + dir->path() + "'"))) continue;
    if (!is_still_there(*parent, name, *dir)) continue;
    TRY(Trash(root).discard(*parent, name));
    ++swept;
  }
  return swept;
}

}  // namespace ctr::storage

#include "storage/trash.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "storage/root.h"

namespace ctr::storage {

Result<void> Trash::discard(const Dir& dir, std::string_view name) const {
  const Dir* trash = TRY(root_->area(Area::trash));
  return root_->with_reserve([&]() -> Result<void> {
    auto moved = dir.rename(name, *trash, random_hex(16));
    if (!moved && moved.error().sys() == ENOENT) return ok();
    return moved;
  });
}

Result<Dir> Trash::open() const { return root_->dir().open_or_make_dir("trash", 0700); }

Result<Reclaimed> Trash::reclaim(const ReclaimLimits& limits, const CancelToken& cancel) const {
  const Dir* trash = TRY(root_->find_area(Area::trash));
  if (trash == nullptr) return Reclaimed{};
  Reclaimed done = TRY(reclaim_trash(*trash, limits, cancel));
  if (done.entries > 0) root_->keep_reserve();
  return done;
}

Result<bool> Trash::is_empty() const {
  const Dir* trash = TRY(root_->find_area(Area::trash));
  if (trash == nullptr) return true;
  for (const auto& name : TRY(trash->list())) {
    if (name.front() != '.') return false;
  }
  return true;
}

}  // namespace ctr::storage

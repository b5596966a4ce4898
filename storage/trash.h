// The trash: what was deleted, until its space is given back.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/cancel.h"
#include "base/file.h"
#include "base/result.h"

namespace ctr::storage {

class StoreRoot;

// What reclaim() did and left.
struct Reclaimed {
  uint64_t entries = 0;  // removed whole
  uint64_t files = 0;    // removed in all
  uint64_t left = 0;     // entries that are still there because `limit` was reached or another process works on them
  uint64_t needs_id_map = 0;  // entries with files of subordinate ids: call reclaim() again inside the id map
};

// Bounds of one reclaim(); 0 means none.
struct ReclaimLimits {
  uint64_t files = 0;
};

// trash/.
class Trash {
 public:
  explicit Trash(const StoreRoot& root) : root_(&root) {}

  // Renames `name` below `dir` into the trash: instant, and possible on a full disk. Missing is fine.
  Result<void> discard(const Dir& dir, std::string_view name) const;
  // One directory read.
  Result<bool> is_empty() const;
  // Deletes what it can as the calling user. Directories without write permission are opened up first. Uses a bounded
  // number of descriptors whatever the depth. Entries that another process works on are left to it.
  Result<Reclaimed> reclaim(const ReclaimLimits& limits = {}, const CancelToken& cancel = {}) const;
  // An open trash directory, to hand to the reclaim worker.
  Result<Dir> open() const;

 private:
  const StoreRoot* root_;
};

// What Trash::reclaim does, on an open trash directory: the worker inside the user namespace calls it.
Result<Reclaimed> reclaim_trash(const Dir& trash, const ReclaimLimits& limits = {}, const CancelToken& cancel = {});

}  // namespace ctr::storage

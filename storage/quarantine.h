// What turned out to be damaged: moved away, so that nothing uses it, and kept, so that somebody can look at it.
//
//   <store>/quarantine/<kind>-<hex>-<random>
#pragma once

#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace ctr::storage {

class StoreRoot;

// quarantine/.
class Quarantine {
 public:
  explicit Quarantine(const StoreRoot& root) : root_(&root) {}

  // Renames `name` below `dir` into the quarantine, under a name that begins with `label`. Who uses it already goes on
  // doing so. Missing is fine.
  Result<void> take(const Dir& dir, std::string_view name, const std::string& label) const;
  // Moves everything to the trash.
  Result<void> empty() const;

 private:
  const StoreRoot* root_;
};

}  // namespace ctr::storage

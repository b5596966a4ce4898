// Stores of others, whose images are used where they lie. Private to storage/.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "storage/root.h"

namespace ctr::storage {

// Opens the store for reading. Errors: not_found, permission, corrupt, unsupported for what is not a store of ctr's, or
// one of a newer ctr.
Result<std::unique_ptr<StoreRoot>> open_other_store(const std::string& path, DebugLog* log);

}  // namespace ctr::storage

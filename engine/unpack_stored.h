// Images whose blobs are there and whose layers are not: another program has written them into the store, or they are
// in a store of others that containers of this user cannot be stacked on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/progress.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/image_files.h"
#include "storage/store.h"

namespace ctr::engine {

// Brings all of the image `id` (hex) into the own store, unpacked. Errors: not_found, corrupt, no_space.
Result<void> unpack_stored(const EngineOptions& options, ProgressSink& progress, const std::string& id);

// The blobs that `store` can read, each called by its digest.
class StoredFiles final : public ImageFiles {
 public:
  explicit StoredFiles(const storage::Store& store) : store_(store) {}
  Result<std::optional<FileSpan>> find(std::string_view name) const override;

 private:
  const storage::Store& store_;
};

}  // namespace ctr::engine

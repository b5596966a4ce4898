// Makes the parts of one pull visible together, after one sync of the file system.
#pragma once

#include <vector>

#include "base/result.h"
#include "storage/blobs.h"
#include "storage/layers.h"

namespace ctr::storage {

// Collects staged blobs and layers; commit() syncs once and renames them, layers last.
//
// The order stage -> syncfs -> rename -> fsync(directories) makes sure that after a power cut whatever has its final
// name has its whole content. The caller writes the reference (ImageStore::add) after commit().
// What is not committed stays partial (blobs) or becomes trash (layers).
class [[nodiscard]] Publish {
 public:
  explicit Publish(const StoreRoot& root) : root_(&root) {}
  // The blob has passed verify().
  void add(BlobStaging blob) { blobs_.push_back(std::move(blob)); }
  void add(LayerStaging layer) { layers_.push_back(std::move(layer)); }
  // Nothing is done when nothing was added. Errors: no_space, io, exists never (an equal thing that is there is kept).
  Result<void> commit();
  // The same when the file system was synced after the last of them was complete.
  Result<void> commit_synced();

 private:
  const StoreRoot* root_;
  std::vector<BlobStaging> blobs_;
  std::vector<LayerStaging> layers_;
};

}  // namespace ctr::storage

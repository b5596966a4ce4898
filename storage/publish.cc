#include "storage/publish.h"

#include "storage/root.h"

namespace ctr::storage {

Result<void> Publish::commit() {
  if (blobs_.empty() && layers_.empty()) return ok();
  for (auto& blob : blobs_) TRY(blob.verify());
  auto synced = sync_file_system(root_->dir());
  if (!synced && synced.error().code() == Errc::no_space) {
    for (auto& blob : blobs_) blob.discard();
  }
  TRY(std::move(synced));
  return commit_synced();
}

Result<void> Publish::commit_synced() {
  bool has_sha512 = false;
  for (auto& blob : blobs_) {
    TRY(blob.rename_into_place());
    has_sha512 |= blob.descriptor().digest.algorithm() == DigestAlgorithm::sha512;
  }
  for (auto& layer : layers_) TRY(layer.rename_into_place());
  if (!blobs_.empty()) TRY(TRY(root_->area(Area::blobs_sha256))->sync());
  if (has_sha512) TRY(TRY(root_->area(Area::blobs_sha512))->sync());
  if (!layers_.empty()) TRY(TRY(root_->area(Area::layers))->sync());
  blobs_.clear();
  layers_.clear();
  return ok();
}

}  // namespace ctr::storage

// Layers: unpacked directories, keyed by the digest of their uncompressed tar.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/oci/image_config.h"
#include "base/result.h"

namespace ctr::storage {

class StoreRoot;

// What layer.json says.
struct LayerRecord {
  oci::DiffId diff_id;
  uint64_t size_bytes = 0;      // of the uncompressed tar
  uint64_t files = 0;           // entries of the tar
  bool is_opaque_root = false;  // the tar hides everything below it: lower layers are left out of the mount
  bool operator==(const LayerRecord&) const = default;
};

// A layer on its way: layers/.staging/<random>/, held by a flock on the directory, plus the lock of its diff id.
//
// begin() -> diff() is filled by the unpack worker -> finish() -> Publish::add() -> Publish::commit().
// Destroyed before that, it goes to the trash.
class [[nodiscard]] LayerStaging {
 public:
  LayerStaging(LayerStaging&&) noexcept;
  LayerStaging& operator=(LayerStaging&&) noexcept;
  ~LayerStaging();

  const oci::DiffId& diff_id() const;
  // The empty directory that becomes diff/: target of the worker. Owned by this user, 0755.
  const Dir& diff() const;
  // Forgets what was unpacked: diff/ goes to the trash and an empty one takes its place, since the transfer of the blob
  // began again. Descriptors of the old directory must not be used any more.
  Result<void> restart();
  // Writes layer.json. `record.diff_id` is what the worker computed. Errors: corrupt when it is another one.
  Result<void> finish(const LayerRecord& record);
  // finish() is done; publishes this layer alone: syncfs, rename, fsync.
  Result<void> commit();

 private:
  friend class LayerStore;
  friend class Publish;
  struct State;
  explicit LayerStaging(std::unique_ptr<State> state);
  Result<void> rename_into_place();
  std::unique_ptr<State> state_;
};

class LayerStore {
 public:
  explicit LayerStore(const StoreRoot& root) : root_(&root) {}

  bool has(const oci::DiffId& diff_id) const;
  // nullopt when it is not there. Errors: corrupt.
  Result<std::optional<LayerRecord>> find(const oci::DiffId& diff_id) const;
  // A layer of the own store or, if that has it not, of another one.
  struct Place {
    LayerRecord record;
    std::string diff_path;
    std::string other_store = {};  // empty: the own one
  };
  // nullopt when it is nowhere. Errors: corrupt.
  Result<std::optional<Place>> locate(const oci::DiffId& diff_id) const;
  // Errors: unsupported for a layer of another user's, whose files have owners that are nobody in this user's
  // containers.
  static Result<void> check_owner(const Place& place);
  // The diff/ directory. Errors: not_found.
  Result<Dir> open_diff(const oci::DiffId& diff_id) const;
  // Absolute path of diff/ in the own store.
  std::string diff_path(const oci::DiffId& diff_id) const;
  Result<std::vector<oci::DiffId>> list() const;

  // Starts a layer; nullopt when the store has it. Waits while another process unpacks the same layer, and then mostly
  // finds it done. Do not call it while holding another LayerStaging: use begin_all.
  Result<std::optional<LayerStaging>> begin(const oci::DiffId& diff_id, const CancelToken& cancel = {}) const;
  // begin() for all layers of a pull, after BlobStore::begin_all; locks in sorted order, answers in the order given.
  // Equal diff ids are begun once: the later ones are nullopt.
  Result<std::vector<std::optional<LayerStaging>>> begin_all(const std::vector<oci::DiffId>& diff_ids,
                                                             const CancelToken& cancel = {}) const;
  // Starts another copy of a layer, whether the store has it or not: to compare the two, or to take its place once it
  // is in quarantine.
  Result<LayerStaging> begin_copy(const oci::DiffId& diff_id, const CancelToken& cancel = {}) const;
  // Moves a damaged layer away, so that it can be unpacked again. Containers that run on it keep it. Missing is fine.
  Result<void> quarantine(const oci::DiffId& diff_id) const;
  // Removes at most `limit` lock files of layers that never came and that nobody unpacks.
  Result<void> sweep_locks(size_t limit) const;

 private:
  friend class ImageStore;
  Result<LayerStaging> stage(const oci::DiffId& diff_id, FileLock lock) const;
  Result<void> remove(const oci::DiffId& diff_id) const;
  const StoreRoot* root_;
};

}  // namespace ctr::storage

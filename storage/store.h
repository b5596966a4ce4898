// The store: everything one user's images, layers, containers and volumes are on disk.
//
//   ~/.local/share/ctr/                     $XDG_RUNTIME_DIR/ctr/
//     schema.json  store.lock  driver  ids.lock
//     images/      an OCI image layout: oci-layout index.json blobs/sha256/<hex>
//                  .lock  .partial/<alg>-<hex>  .pins/<random>
//     layers/      <hex of diff id>/{diff/,layer.json}   .staging/<random>/  .locks/<hex>
//     containers/  <id>/…                                .staging/<id>/
//     names/       <name> -> ../containers/<id>
//     pods/        <id>/…                                .staging/<id>/
//     pod-names/   <name> -> ../pods/<id>
//     volumes/     <name>/{_data/,volume.json}           .staging/<random>/
//     secrets/     <id>/{data,secret.json}               .staging/<random>/
//     trash/       <random>/
//     quarantine/  damaged blobs and layers, until `system prune`
//
// Rules that make every prefix of every operation a valid store: a thing is built in a staging directory that holds a
// flock, synced once, and renamed to its name; what has its final name is complete. A staging directory whose lock is
// free belongs to a dead process and is garbage. Deleting is a rename into trash/.
//
// Lock order, never backwards, sorted where several of one kind are taken:
//   store (shared; exclusive for migration and reset) -> images -> ids -> partial blobs -> layers -> pod -> container
//   -> names
//   -> volumes -> secrets.
#pragma once

#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/result.h"
#include "storage/blobs.h"
#include "storage/containers.h"
#include "storage/images.h"
#include "storage/layers.h"
#include "storage/quarantine.h"
#include "storage/secrets.h"
#include "storage/trash.h"
#include "storage/volumes.h"

namespace ctr::storage {

// The version of the layout that this program writes, in schema.json.
inline constexpr int k_store_schema = 1;

class StoreRoot;

// An open store. It holds the store lock shared for its life. The parts it hands out are cheap views that must not
// outlive it; nothing below a part's directory is touched before the part is used.
class [[nodiscard]] Store {
 public:
  // Opens the store of `paths`, making its directories (0700) when they are missing.
  //
  // `log` hears about waits over one second; it may be nullptr and must outlive the store.
  // Errors: unsupported when schema.json is newer than k_store_schema (both numbers are named), corrupt when it cannot
  // be read, interrupted, permission, no_space.
  static Result<Store> open(const UserPaths& paths, const CancelToken& cancel = {}, DebugLog* log = nullptr);

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // The directory of the store; its path is absolute.
  const Dir& dir() const;
  const std::string& path() const;
  // $XDG_RUNTIME_DIR/ctr, made (0700) at the first call.
  Result<Dir> open_run_dir() const;

  BlobStore blobs() const;
  ImageStore images() const;
  LayerStore layers() const;
  ContainerDirs containers() const;
  ContainerDirs pods() const;
  VolumeStore volumes() const;
  SecretStore secrets() const;
  Trash trash() const;
  Quarantine quarantine() const;
  // What a kept image leaves when it goes: the trash itself, or that of the image store.
  Trash image_trash() const;
  const StoreRoot& root() const { return *root_; }
  // Where images and layers are: the same, or that of UserPaths::image_store.
  const StoreRoot& image_root() const { return image_root_ ? *image_root_ : *root_; }

  // Moves what dead processes left out of the way, at most `limit` of each: staging directories, locks of layers that
  // never came, names of containers that are gone, pins, and partial blobs that nobody wrote to for seven days. Called
  // by pulls and prunes; a few system calls when there is none.
  Result<void> sweep(size_t limit = 64) const;

 private:
  Store(std::unique_ptr<StoreRoot> root, std::unique_ptr<StoreRoot> image_root);
  std::unique_ptr<StoreRoot> root_;
  std::unique_ptr<StoreRoot> image_root_;  // empty: images are with the rest
};

// Takes everything of the store into its trash under the exclusive store lock, and leaves an empty, usable store.
//
// The caller has removed containers and stopped their processes. The trash is reclaimed by the caller afterwards.
// Errors: in_use when another process uses the store and does not let go before `cancel` or ten seconds.
Result<void> reset_store(const UserPaths& paths, const CancelToken& cancel = {});

}  // namespace ctr::storage

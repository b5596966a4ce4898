// Images: which manifests the store has, under which names. The file is index.json of the OCI image layout.
//
// One entry for each name (annotation org.opencontainers.image.ref.name holds the full name, as skopeo and others write
// it), and one without a name for a manifest that has none. Facts that would cost another file to read are kept in
// annotations of the entry; they are recomputed from the manifest when another program wrote the entry.
// Source: OCI image-spec 1.1 "Image Layout".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/digest.h"
#include "base/lock.h"
#include "base/oci/descriptor.h"
#include "base/oci/image_config.h"
#include "base/oci/manifest.h"
#include "base/result.h"
#include "base/time.h"

namespace ctr::storage {

class StoreRoot;
struct ContentRefs;

// One image: everything in index.json whose manifest has the same config. The id of an image is the digest of its
// config; two manifests (other compression, other media types) can describe the same image.
struct ImageRecord {
  Digest id;                              // digest of the config; people see its hex
  oci::Descriptor manifest;               // the entry written last
  std::vector<std::string> names;         // full names with tag, in the order of the index
  std::vector<std::string> repo_digests;  // "docker.io/library/debian@sha256:…", sorted
  uint64_t size_bytes = 0;                // config plus layers as they are stored unpacked
  std::optional<TimePoint> created;       // of the config
  TimePoint stored_at{};                  // when it came into this store
  std::string other_store = {};           // the path of the store of others that it is in; empty: the own one
  bool operator==(const ImageRecord&) const = default;
};

// What comes into the store with one manifest.
struct NewImage {
  oci::Descriptor manifest;               // of an image manifest, never of an index; its blobs are published
  Digest config;                          // its config
  std::vector<std::string> names;         // full names that now mean it; taken from other images
  std::vector<std::string> repo_digests;  // name@digest under which it was fetched (manifest and index digests)
  uint64_t size_bytes = 0;
  std::optional<TimePoint> created;
  TimePoint stored_at{};
};

// How an image was named by the user, in terms of the store. Names are tried in order before id and digest.
struct ImageQuery {
  std::vector<std::string> names;  // full names with tag or name@digest, in order of preference
  std::string id_prefix;           // lower-case hex, with or without "sha256:"; empty when the word cannot be an id
};

// Digests that a running pull relies on before an index entry names them. While it lives, collection leaves them alone.
class [[nodiscard]] Pin {
 public:
  Pin(Pin&&) noexcept;
  Pin& operator=(Pin&&) noexcept;
  ~Pin();
  // Adds blobs and diff ids. Call it before asking whether the store has them.
  Result<void> add(const std::vector<Digest>& blobs, const std::vector<oci::DiffId>& layers,
                   const CancelToken& cancel = {});

 private:
  friend class ImageStore;
  struct State;
  explicit Pin(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The images lock, held shared: images and layers that are there stay there. `create` holds it from finding the image
// to committing the container directory. Never held across network traffic.
class [[nodiscard]] ImagesLock {
 public:
  explicit ImagesLock(FileLock lock) : lock_(std::move(lock)) {}

 private:
  FileLock lock_;
};

struct RemovedImage {
  std::vector<std::string> untagged;  // names that were taken away
  std::optional<Digest> deleted;      // the image itself, when its last name went or force was used
  uint64_t freed_blobs = 0;
  uint64_t freed_layers = 0;
};

class ImageStore {
 public:
  explicit ImageStore(const StoreRoot& root) : root_(&root) {}

  // All images, newest entry last. Errors: corrupt when index.json is damaged.
  Result<std::vector<ImageRecord>> list() const;
  // Those that the stores of others have besides, in the order of the stores. A damaged store has none, and a warning.
  std::vector<ImageRecord> list_others() const;
  // Also of other stores, if the own one has it not. Errors: invalid when an id prefix fits several images (their ids
  // are named). nullopt when there is none.
  Result<std::optional<ImageRecord>> find(const ImageQuery& query) const;

  // Documents of an image, digests checked. Errors: not_found, corrupt.
  Result<oci::Manifest> read_manifest(const ImageRecord& image) const;
  Result<std::string> read_config_text(const ImageRecord& image) const;
  Result<oci::ImageConfig> read_config(const ImageRecord& image) const;

  // Adds an entry after its blobs and layers are published; durable when it returns. A name that meant another image
  // moves; that image stays, without the name.
  Result<void> add(const NewImage& image, const CancelToken& cancel = {}) const;
  // Gives `id` one more name, taking it from the image that had it. Errors: not_found.
  Result<void> tag(const Digest& id, const std::string& name, const CancelToken& cancel = {}) const;
  // Takes one name away; the image stays without a name when it was the last. Errors: not_found.
  Result<void> untag(const std::string& name, const CancelToken& cancel = {}) const;

  // Says why an image must stay ("container 'web' uses it"), or nullopt. Called under the exclusive images lock.
  using InUse = std::function<Result<std::optional<std::string>>(const Digest& id)>;
  struct RemoveOptions {
    std::string name;  // remove this name only, and the image when it was the last; empty: the image with all names
    // The image is removed although it has several names.
    bool all_names = false;
  };
  // Removes a name or an image, then blobs and layers that nothing needs any more. Layers go to the trash.
  // Errors: not_found, in_use (with the reason given by `in_use`, or because of several names).
  Result<RemovedImage> remove(const Digest& id, const RemoveOptions& options, const InUse& in_use,
                              const CancelToken& cancel = {}) const;
  // Removes blobs and layers that no image and no live pin needs. Cheap when there are none.
  Result<RemovedImage> collect(const CancelToken& cancel = {}) const;

  Result<Pin> pin(const CancelToken& cancel = {}) const;
  // Removes pins of dead processes.
  Result<void> sweep_pins(const CancelToken& cancel = {}) const;
  Result<ImagesLock> hold(const CancelToken& cancel = {}) const;

 private:
  Result<void> remove_content(ContentRefs& gone, const ContentRefs& kept, RemovedImage& report) const;
  const StoreRoot* root_;
};

}  // namespace ctr::storage

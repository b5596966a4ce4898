// What images refer to: the blobs and layers that must stay. Private to storage/.
#pragma once

#include <optional>
#include <set>

#include "base/digest.h"
#include "base/oci/descriptor.h"
#include "base/oci/image_config.h"
#include "base/result.h"
#include "base/time.h"
#include "storage/image_index.h"
#include "storage/root.h"

namespace ctr::storage {

struct ContentRefs {
  std::set<Digest> blobs;
  std::set<oci::DiffId> layers;
};

// Facts about an image that index.json repeats.
struct ImageFacts {
  Digest config;
  uint64_t size_bytes = 0;
  std::optional<TimePoint> created;
};
// Read from the manifest and the config. Errors: not_found, corrupt, unsupported.
Result<ImageFacts> read_image_facts(const StoreRoot& root, const oci::Descriptor& manifest);

// Adds the manifest, its config, its layers' blobs and their diff ids.
Result<void> add_refs(const StoreRoot& root, const oci::Descriptor& manifest, ContentRefs& refs);
// Everything that the entries of `index` and live pins refer to. Pins of dead processes are removed. The caller holds
// the images lock exclusively. Errors: corrupt when an image cannot be read: nothing may be collected then.
Result<ContentRefs> collect_refs(const StoreRoot& root, const IndexFile& index);
// Removes pins of dead processes. The caller holds the images lock exclusively.
Result<void> drop_dead_pins(const StoreRoot& root);
void subtract(ContentRefs& refs, const ContentRefs& kept);

}  // namespace ctr::storage

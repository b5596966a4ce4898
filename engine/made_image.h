// Images that are made here, by commit and import, come into the store.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/oci/image_config.h"
#include "base/oci/manifest.h"
#include "base/result.h"
#include "engine/fetch.h"
#include "engine/file_verbs.h"
#include "storage/layer_pack.h"

namespace ctr::engine {

struct MadeImage {
  Fd layer_file;  // the blob of the topmost layer
  storage::PackedLayer layer;
  oci::ImageConfig config;            // with the layer
  std::optional<oci::Manifest> base;  // of the image whose layers are below it
  CommitRequest::Format format = CommitRequest::Format::oci;
  std::string name;   // a full name; empty: none
  std::string event;  // what the event log calls it; empty: nothing
};
// As fetch_image() does it: nothing is visible before all of it is. The id of the image, hex.
// Errors: those of fetch_image(); corrupt when the layer is no tar.
Result<std::string> store_made_image(const FetchSite& site, MadeImage image);

// The manifest of such an image: the layers of `base` and the new one, which is compressed with gzip. Pure.
// Errors: unsupported when the format has no type for a layer.
Result<oci::Manifest> made_manifest(const std::optional<oci::Manifest>& base, CommitRequest::Format format,
                                    const oci::Descriptor& config, const oci::Descriptor& layer);

}  // namespace ctr::engine

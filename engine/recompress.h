// push --compression-format: layers in another compression than they are stored in.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/oci/image_config.h"
#include "base/oci/manifest.h"
#include "base/result.h"
#include "engine/transfer_session.h"
#include "registry/blob_sink.h"
#include "storage/store.h"

namespace ctr::engine {

// What of a manifest goes up in another form. Each layer lies in a file without a name until it is sent.
struct RecompressedImage {
  oci::Manifest manifest;        // as it is pushed
  std::map<Digest, Fd> changed;  // blobs of it that the store does not have
};

// Whether `options` ask for it at all.
bool asks_for_compression(const PushOptions& options);
// Layers that have the format asked for stay as they are, unless a level or --force-compression is given too. An image
// of docker becomes one of OCI where it has to.
// Errors: not_found (a layer is not in the store), corrupt, unsupported, no_space, interrupted.
Result<RecompressedImage> recompress(TransferSession& session, const storage::Store& store, oci::Manifest manifest,
                                     const PushOptions& options);
// A blob of such an image: a file made here, else the store's. Errors: not_found.
Result<std::unique_ptr<registry::BlobSource>> open_blob_source(const storage::Store& store,
                                                               const RecompressedImage& image, const Digest& blob);

}  // namespace ctr::engine

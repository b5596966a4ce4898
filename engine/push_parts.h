// What push of an image and push of a list have in common.
#pragma once

#include <memory>
#include <string>

#include "base/oci/manifest.h"
#include "base/oci/reference.h"
#include "base/result.h"
#include "engine/transfer_session.h"
#include "registry/blob_sink.h"
#include "registry/endpoint.h"
#include "storage/store.h"

namespace ctr::engine {

// A blob of the store. Errors: not_found.
Result<std::unique_ptr<registry::BlobSource>> open_blob_source(const storage::Store& store, const Digest& blob);

// A file that holds a whole blob.
std::unique_ptr<registry::BlobSource> file_source(Fd file);

// Where something is pushed to.
struct PushTarget {
  oci::ImageReference reference;  // full, with a tag or a digest
  registry::Endpoint endpoint;
};
// A short name is docker.io's, as in podman. Errors: invalid, permission.
Result<PushTarget> find_push_target(const TransferSession& session, const std::string& destination);

// What goes up as a manifest.
struct ManifestText {
  std::string media_type;
  std::string text;
};
// The manifest as it is stored, or with the media types of the other family (--format): the blobs are the same either
// way. Errors: unsupported.
Result<ManifestText> manifest_in_format(const oci::Manifest& manifest, std::string text, const std::string& format);

}  // namespace ctr::engine

// An artifact of a list: files that belong to its images and are no image, under a manifest of their own.
// Source: OCI image-spec 1.1 "Guidelines for Artifact Usage"; podman-manifest-add(1).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/oci/descriptor.h"
#include "base/result.h"
#include "engine/list_verbs.h"
#include "storage/store.h"

namespace ctr::engine {

// The media type of a file, by its name, else by its first bytes.
std::string file_media_type(std::string_view name, std::string_view first_bytes);

// The manifest as text. Pure. `subject` may be null.
std::string artifact_manifest(const ArtifactRequest& request, const oci::Descriptor& config,
                              const std::vector<oci::Descriptor>& files, const Json& subject);

// Brings the files and the manifest into the store, where `pin` keeps them until the list names them. The entry that
// the list is to have. Errors: not_found, invalid (no regular file), corrupt (a file that changes meanwhile).
Result<Json> keep_artifact(const storage::Store& store, storage::Pin& pin, const ArtifactRequest& request,
                           const Json& subject, const CancelToken& cancel);

}  // namespace ctr::engine

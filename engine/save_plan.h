// What `save` writes: pure functions from images to the files of an archive.
#pragma once

#include <string>
#include <vector>

#include "base/oci/image_config.h"
#include "base/oci/manifest.h"
#include "base/result.h"
#include "storage/archive_pack.h"

namespace ctr::engine {

// One image of the store with what a plan needs to know about it.
struct SavedImage {
  std::string manifest_text;  // as it is stored
  oci::Manifest manifest;
  oci::ImageConfig config;
  std::vector<uint64_t> layer_sizes;  // of the uncompressed layers, as in config.diff_ids; 0: not known
  std::vector<std::string> names;     // full references
};

enum class LayerForm { as_stored, uncompressed };

// Docker's form: configurations, uncompressed layers and manifest.json.
storage::PackPlan plan_docker_archive(const std::vector<SavedImage>& images);
// An OCI image layout with one entry of index.json for each name. Manifests of Docker's types become OCI's.
// Errors: unsupported (a layer of a kind that OCI does not have).
Result<storage::PackPlan> plan_oci_layout(const std::vector<SavedImage>& images, LayerForm form);
enum class ManifestFamily { docker, oci, as_stored };
// The one image as a directory of skopeo's "dir" transport, with the types of `family`.
Result<storage::PackPlan> plan_image_directory(const SavedImage& image, LayerForm form, ManifestFamily family);
// index.json of an OCI layout that has the images of both; a name of `added` is taken from what has it.
// Errors: corrupt.
Result<std::string> merge_indexes(const std::string& old, const std::string& added);

// The manifest in the other family's media types; `to_oci` says which. Blobs stay what they are.
// Errors: unsupported when that family lacks a type for a layer.
Result<oci::Manifest> convert_manifest(const oci::Manifest& manifest, bool to_oci);

}  // namespace ctr::engine

// Image manifests and indexes. Source: OCI image-spec 1.1 "Image Manifest", "Image Index".
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/oci/descriptor.h"

namespace ctr::oci {

struct Manifest {
  std::string media_type;
  Descriptor config;
  std::vector<Descriptor> layers;
  std::map<std::string, std::string> annotations;
  bool operator==(const Manifest&) const = default;
};

struct ImageIndex {
  std::string media_type;
  std::vector<Descriptor> manifests;
  std::map<std::string, std::string> annotations;
  bool operator==(const ImageIndex&) const = default;
};

// Parses a manifest document.
//
// `content_type` is what the registry's header or the parent descriptor says; it must agree with the document's own
// "mediaType" and its structure; schemaVersion must be 2; a document with both "layers" and "manifests" is refused.
// Errors: corrupt, unsupported (schema 1 and foreign types are named).
Result<std::variant<Manifest, ImageIndex>> parse_manifest(std::string_view document, std::string_view content_type);
// The configuration and the layers of a manifest, whatever they hold: it may be an artifact's. Errors: corrupt.
struct ManifestParts {
  Descriptor config;
  std::vector<Descriptor> layers;
  bool is_artifact() const;
};
Result<ManifestParts> manifest_parts(std::string_view document);
// Errors: not_found, listing what the index offers.
Result<Descriptor> choose_platform(const ImageIndex& index, const Platform& wanted);

Json to_json(const Manifest& manifest);
Json to_json(const ImageIndex& index);
inline constexpr size_t k_manifest_limit_bytes = size_t{4}
                                                 << 20;  // OCI distribution-spec 1.1: registries should accept 4 MiB

}  // namespace ctr::oci

// Descriptors and media types. Source: OCI image-spec 1.1 "Descriptors", Docker image manifest v2 schema 2.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/json.h"
#include "base/oci/platform.h"
#include "base/result.h"

namespace ctr::oci {

// The media types ctr reads; anything else is `other` and keeps its text in Descriptor::media_type.
enum class MediaKind {
  oci_index,
  docker_manifest_list,
  oci_manifest,
  docker_manifest,
  oci_config,
  docker_config,
  layer_tar,
  layer_gzip,
  layer_zstd,       // OCI and Docker names alike; non-distributable forms are foreign
  layer_encrypted,  // one of these three, encrypted as ocicrypt does
  foreign_layer,
  docker_schema1,
  other,
};
MediaKind media_kind(std::string_view media_type);

struct Descriptor {
  std::string media_type;
  Digest digest;
  uint64_t size_bytes = 0;
  std::optional<Platform> platform;
  std::map<std::string, std::string> annotations;
  std::string artifact_type = {};  // of an entry of an index that is no image
  bool operator==(const Descriptor&) const = default;
};

Json to_json(const Descriptor& descriptor);
// Errors: invalid (missing or malformed digest, negative size), unsupported.
Result<Descriptor> descriptor_from_json(const JsonReader& reader);

}  // namespace ctr::oci

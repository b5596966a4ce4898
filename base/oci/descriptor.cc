#include "base/oci/descriptor.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace ctr::oci {
namespace {

struct MediaName {
  std::string_view name;
  MediaKind kind;
};
constexpr std::array<MediaName, 21> k_media_names = {{
    {"application/vnd.oci.image.index.v1+json", MediaKind::oci_index},
    {"application/vnd.docker.distribution.manifest.list.v2+json", MediaKind::docker_manifest_list},
    {"application/vnd.oci.image.manifest.v1+json", MediaKind::oci_manifest},
    {"application/vnd.docker.distribution.manifest.v2+json", MediaKind::docker_manifest},
    {"application/vnd.oci.image.config.v1+json", MediaKind::oci_config},
    {"application/vnd.docker.container.image.v1+json", MediaKind::docker_config},
    {"application/vnd.oci.image.layer.v1.tar", MediaKind::layer_tar},
    {"application/vnd.docker.image.rootfs.diff.tar", MediaKind::layer_tar},
    {"application/vnd.oci.image.layer.v1.tar+gzip", MediaKind::layer_gzip},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", MediaKind::layer_gzip},
    {"application/vnd.oci.image.layer.v1.tar+zstd", MediaKind::layer_zstd},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", MediaKind::layer_zstd},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar", MediaKind::foreign_layer},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MediaKind::foreign_layer},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MediaKind::foreign_layer},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar", MediaKind::foreign_layer},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MediaKind::foreign_layer},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.zstd", MediaKind::foreign_layer},
    {"application/vnd.docker.distribution.manifest.v1+json", MediaKind::docker_schema1},
    {"application/vnd.docker.distribution.manifest.v1+prettyjws", MediaKind::docker_schema1},
    {"application/vnd.docker.distribution.manifest.v1", MediaKind::docker_schema1},
}};

Json platform_to_json(const Platform& platform) {
  Json value = Json::object();
  value.set("architecture", platform.architecture).set("os", platform.os);
  if (!platform.variant.empty()) value.set("variant", platform.variant);
  return value;
}

Result<Platform> platform_from_json(const JsonReader& reader) {
  Platform platform;
  platform.os = TRY(reader.string_or("os", ""));
  platform.architecture = TRY(reader.string_or("architecture", ""));
  platform.variant = TRY(reader.string_or("variant", ""));
  return platform;
}

}  // namespace

MediaKind media_kind(std::string_view media_type) {
  for (const auto& entry : k_media_names) {
    if (entry.name == media_type) return entry.kind;
  }
  constexpr std::string_view k_encrypted = "+encrypted";
  if (media_type.ends_with(k_encrypted)) {
    const auto inner = media_kind(media_type.substr(0, media_type.size() - k_encrypted.size()));
    const bool is_layer =
        inner == MediaKind::layer_tar || inner == MediaKind::layer_gzip || inner == MediaKind::layer_zstd;
    if (is_layer) return MediaKind::layer_encrypted;
  }
  return MediaKind::other;
}

Json to_json(const Descriptor& descriptor) {
  Json value = Json::object();
  value.set("mediaType", descriptor.media_type);
  value.set("digest", descriptor.digest.to_string());
  value.set("size", descriptor.size_bytes);
  if (!descriptor.artifact_type.empty()) value.set("artifactType", descriptor.artifact_type);
  if (!descriptor.annotations.empty()) value.set("annotations", Json::string_map(descriptor.annotations));
  if (descriptor.platform) value.set("platform", platform_to_json(*descriptor.platform));
  return value;
}

Result<Descriptor> descriptor_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  const std::string media_type = TRY(reader.get_string("mediaType"));
  const std::string digest_text = TRY(reader.get_string("digest"));
  auto digest = Digest::parse(digest_text);
  if (!digest) {
    return Error(Errc::invalid, reader.path() + ".digest: '" + printable(digest_text) + "' is not a supported digest");
  }
  Descriptor descriptor{.media_type = media_type, .digest = std::move(*digest), .platform = {}, .annotations = {}};
  descriptor.size_bytes = TRY(reader.get_uint("size"));
  // Sizes are signed 64-bit integers (image-spec), and file offsets are too.
  if (descriptor.size_bytes > INT64_MAX) return reader.wrong("size", "a size");
  if (const auto platform = TRY(reader.find_object("platform"))) {
    descriptor.platform = TRY(platform_from_json(*platform));
  }
  descriptor.annotations = TRY(reader.string_map("annotations"));
  descriptor.artifact_type = TRY(reader.string_or("artifactType", ""));
  return descriptor;
}

}  // namespace ctr::oci

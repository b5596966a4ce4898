#include "base/oci/manifest.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace ctr::oci {
namespace {

Error corrupt(std::string message) { return Error(Errc::corrupt, std::move(message)); }

// "Application/JSON; charset=utf-8" → "application/json".
std::string bare_media_type(std::string_view content_type) {
  return to_lower(trim(content_type.substr(0, content_type.find(';'))));
}

// Types with which a server says nothing about the document.
bool is_vague(std::string_view media_type) {
  return media_type.empty() || media_type == "application/json" || media_type == "text/plain" ||
         media_type == "application/octet-stream";
}

Error schema1_error() {
  return Error(Errc::unsupported, "manifest is in Docker schema 1, which is not supported")
      .with_hint("push the image again with a current tool, which writes schema 2 or OCI manifests");
}

// The type the document claims by itself, or the one that follows from its members.
Result<std::string> own_media_type(const JsonReader& reader) {
  const bool has_layers = reader.has("layers") || reader.has("config");
  const bool has_manifests = reader.has("manifests");
  if (has_layers && has_manifests) return corrupt("manifest: it is both an image manifest and an index");
  if (!has_layers && !has_manifests) return corrupt("manifest: it is neither an image manifest nor an index");
  const std::string claimed = TRY(reader.string_or("mediaType", ""));
  if (!claimed.empty()) return claimed;
  return std::string(has_layers ? "application/vnd.oci.image.manifest.v1+json"
                                : "application/vnd.oci.image.index.v1+json");
}

Result<std::vector<Descriptor>> descriptors(const JsonReader& reader, std::string_view key) {
  const Json* list = reader.value().find(key);
  if (!list || !list->is_array()) return corrupt("manifest: '" + std::string(key) + "' is not an array");
  std::vector<Descriptor> found;
  for (const auto& element : TRY(reader.elements(key))) found.push_back(TRY(descriptor_from_json(element)));
  return found;
}

// Of an image: statements of builders have other things in the place of layers.
bool is_layer(const Descriptor& descriptor) {
  const auto kind = media_kind(descriptor.media_type);
  return kind == MediaKind::layer_tar || kind == MediaKind::layer_gzip || kind == MediaKind::layer_zstd ||
         kind == MediaKind::layer_encrypted || kind == MediaKind::foreign_layer;
}

Result<void> check_layer(const Descriptor& layer) {
  switch (media_kind(layer.media_type)) {
    case MediaKind::layer_tar:
    case MediaKind::layer_gzip:
    case MediaKind::layer_zstd:
    case MediaKind::layer_encrypted:
      return ok();
    case MediaKind::foreign_layer:
      return Error(Errc::unsupported, "layer " + layer.digest.to_string() + " has the foreign media type '" +
                                          printable(layer.media_type) + "', which registries do not distribute");
    default:
      return Error(Errc::unsupported, "layer " + layer.digest.to_string() + " has the unsupported media type '" +
                                          printable(layer.media_type) + "'");
  }
}

Result<Manifest> read_manifest(const JsonReader& reader, std::string media_type) {
  const auto config = TRY(reader.find_object("config"));
  if (!config) return corrupt("manifest: 'config' is missing");
  Manifest manifest{.media_type = std::move(media_type),
                    .config = TRY(descriptor_from_json(*config)),
                    .layers = {},
                    .annotations = TRY(reader.string_map("annotations"))};
  const auto kind = media_kind(manifest.config.media_type);
  if (kind != MediaKind::oci_config && kind != MediaKind::docker_config) {
    return Error(Errc::unsupported,
                 "it is an artifact of type '" + printable(manifest.config.media_type) + "', not a container image");
  }
  manifest.layers = TRY(descriptors(reader, "layers"));
  for (const auto& layer : manifest.layers) TRY(check_layer(layer));
  return manifest;
}

Result<ImageIndex> read_index(const JsonReader& reader, std::string media_type) {
  ImageIndex index;
  index.media_type = std::move(media_type);
  index.manifests = TRY(descriptors(reader, "manifests"));
  index.annotations = TRY(reader.string_map("annotations"));
  return index;
}

using Document = std::variant<Manifest, ImageIndex>;

Result<Document> read_document(const JsonReader& reader, std::string_view content_type) {
  TRY(reader.expect_object());
  const auto header = bare_media_type(content_type);
  const int64_t version = TRY(reader.int_or("schemaVersion", 0));
  if (version == 1 || media_kind(header) == MediaKind::docker_schema1) return schema1_error();
  if (version != 2) return corrupt("manifest: schemaVersion is not 2");
  if (reader.has("fsLayers")) return corrupt("manifest: it mixes schema 1 and schema 2");
  const std::string media_type = TRY(own_media_type(reader));
  if (!is_vague(header) && header != media_type) {
    return corrupt("manifest: it says it is '" + printable(media_type) + "', but was announced as '" +
                   printable(header) + "'");
  }
  const bool has_layers = !reader.has("manifests");
  switch (media_kind(media_type)) {
    case MediaKind::oci_manifest:
    case MediaKind::docker_manifest:
      if (!has_layers) return corrupt("manifest: an image manifest without layers");
      return Document(TRY(read_manifest(reader, media_type)));
    case MediaKind::oci_index:
    case MediaKind::docker_manifest_list:
      if (has_layers) return corrupt("manifest: an index without manifests");
      return Document(TRY(read_index(reader, media_type)));
    case MediaKind::docker_schema1:
      return schema1_error();
    default:
      return Error(Errc::unsupported, "manifest has the unsupported media type '" + printable(media_type) + "'");
  }
}

Json descriptors_to_json(const std::vector<Descriptor>& list) {
  Json value = Json::array();
  for (const auto& descriptor : list) value.push(to_json(descriptor));
  return value;
}

// Artifacts in an index are for those who ask for them.
bool is_image(const Descriptor& descriptor) {
  if (!descriptor.artifact_type.empty()) return false;
  switch (media_kind(descriptor.media_type)) {
    case MediaKind::oci_manifest:
    case MediaKind::docker_manifest:
    case MediaKind::oci_index:
    case MediaKind::docker_manifest_list:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<std::variant<Manifest, ImageIndex>> parse_manifest(std::string_view document, std::string_view content_type) {
  auto json = parse_json(document, "manifest", {.size_bytes = k_manifest_limit_bytes});
  if (!json) return std::move(json).error().with_code(Errc::corrupt);
  auto parsed = read_document(JsonReader(*json, "manifest"), content_type);
  if (!parsed && parsed.error().code() == Errc::invalid) return std::move(parsed).error().with_code(Errc::corrupt);
  return parsed;
}

bool ManifestParts::is_artifact() const {
  const auto kind = media_kind(config.media_type);
  if (kind != MediaKind::oci_config && kind != MediaKind::docker_config) return true;
  return std::any_of(layers.begin(), layers.end(), [](const auto& layer) { return !is_layer(layer); });
}

Result<ManifestParts> manifest_parts(std::string_view document) {
  auto json = parse_json(document, "manifest", {.size_bytes = k_manifest_limit_bytes});
  if (!json) return std::move(json).error().with_code(Errc::corrupt);
  const JsonReader reader(*json, "manifest");
  const auto read = [&]() -> Result<ManifestParts> {
    const auto config = TRY(reader.find_object("config"));
    if (!config) return corrupt("manifest: 'config' is missing");
    return ManifestParts{TRY(descriptor_from_json(*config)), TRY(descriptors(reader, "layers"))};
  };
  auto parts = read();
  if (!parts) return std::move(parts).error().with_code(Errc::corrupt);
  return parts;
}

Result<Descriptor> choose_platform(const ImageIndex& index, const Platform& wanted) {
  const Descriptor* best = nullptr;
  int best_score = 0;
  for (const auto& candidate : index.manifests) {
    if (!is_image(candidate) || !candidate.platform) continue;
    const int score = match_score(wanted, *candidate.platform);
    if (score > best_score) best = &candidate, best_score = score;
  }
  if (best) return *best;
  // An entry without a platform may fit: its configuration is compared with what is wanted after it is fetched.
  for (const auto& candidate : index.manifests) {
    if (is_image(candidate) && !candidate.platform) return candidate;
  }
  std::vector<std::string> offered;
  for (const auto& candidate : index.manifests) {
    if (is_image(candidate)) offered.push_back(candidate.platform->to_string());
  }
  return Error(Errc::not_found, "no image found in the index for platform " + wanted.to_string() + "; it offers " +
                                    (offered.empty() ? "none" : printable(join(offered, ", "))));
}

Json to_json(const Manifest& manifest) {
  Json value = Json::object();
  value.set("schemaVersion", 2).set("mediaType", manifest.media_type);
  value.set("config", to_json(manifest.config)).set("layers", descriptors_to_json(manifest.layers));
  if (!manifest.annotations.empty()) value.set("annotations", Json::string_map(manifest.annotations));
  return value;
}

Json to_json(const ImageIndex& index) {
  Json value = Json::object();
  value.set("schemaVersion", 2).set("mediaType", index.media_type);
  value.set("manifests", descriptors_to_json(index.manifests));
  if (!index.annotations.empty()) value.set("annotations", Json::string_map(index.annotations));
  return value;
}

}  // namespace ctr::oci

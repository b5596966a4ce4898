// Archives of `docker save`: manifest.json names configurations, tags and layer files.
// Source: Docker image specification 1.2 "Combined Image JSON + Filesystem Changeset Format".
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/oci/image_config.h"
#include "base/oci/reference.h"
#include "base/text.h"
#include "engine/local_image.h"
#include "storage/unpack.h"

namespace ctr::engine {
namespace {

constexpr const char* k_manifest_type = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* k_config_type = "application/vnd.docker.container.image.v1+json";
constexpr const char* k_layer_type = "application/vnd.docker.image.rootfs.diff.tar";
constexpr const char* k_gzip_type = "application/vnd.docker.image.rootfs.diff.tar.gzip";
constexpr const char* k_zstd_type = "application/vnd.docker.image.rootfs.diff.tar.zstd";
constexpr size_t k_read_bytes = size_t{1} << 20;

// One element of manifest.json.
struct ArchivedImage {
  std::string config;
  std::vector<std::string> names;
  std::vector<std::string> layers;
};

Result<std::vector<ArchivedImage>> read_manifest_json(const ImageFiles& files) {
  const auto text = TRY(files.read("manifest.json"));
  const auto json = parse_json(text, "manifest.json");
  if (!json) return Error(Errc::corrupt, json.error().message());
  if (!json->is_array()) return Error(Errc::corrupt, "manifest.json is not a list of images");
  std::vector<ArchivedImage> images;
  for (const auto& element : json->as_array()) {
    const JsonReader reader(element, fmt::format("manifest.json[{}]", images.size()));
    images.push_back({.config = TRY(reader.get_string("Config")),
                      .names = TRY(reader.strings("RepoTags")),
                      .layers = TRY(reader.strings("Layers"))});
  }
  return images;
}

Result<storage::Compression> sniff(const FileSpan& span) {
  std::array<char, 6> head{};
  const size_t got = TRY(read_span(span, 0, std::as_writable_bytes(std::span(head))));
  return storage::compression_of({head.data(), got});
}

Result<Digest> hash_span(const FileSpan& span) {
  Hasher hasher;
  std::vector<std::byte> buffer(k_read_bytes);
  for (uint64_t at = 0; at < span.size_bytes;) {
    const size_t got = TRY(read_span(span, at, buffer));
    if (got == 0) return Error(Errc::corrupt, "it is cut off");
    hasher.update(buffer.data(), got);
    at += got;
  }
  return hasher.finish();
}

// A layer file as a blob. An uncompressed one is the layer itself: its digest is known from the configuration.
Result<oci::Descriptor> describe_layer(const ImageFiles& files, const std::string& file, const oci::DiffId& diff_id) {
  const auto span = TRY(files.get(file));
  const auto compression = TRY(sniff(span));
  oci::Descriptor layer{.media_type = k_layer_type,
                        .digest = diff_id.digest,
                        .size_bytes = span.size_bytes,
                        .platform = {},
                        .annotations = {}};
  if (compression == storage::Compression::none) return layer;
  if (compression != storage::Compression::gzip && compression != storage::Compression::zstd) {
    return Error(Errc::unsupported, "layer '" + printable(file) + "' is neither gzip, zstd nor uncompressed");
  }
  layer.digest = TRY(hash_span(span).context("layer '" + printable(file) + "'"));
  layer.media_type = compression == storage::Compression::gzip ? k_gzip_type : k_zstd_type;
  return layer;
}

Result<LocalImage> read_archived_image(const ImageFiles& files, const ArchivedImage& archived) {
  const auto text = TRY(files.read(archived.config));
  const auto config = TRY(oci::parse_image_config(text).context("'" + printable(archived.config) + "'"));
  if (config.diff_ids.size() != archived.layers.size()) {
    return Error(Errc::corrupt, fmt::format("the image configuration names {} layers, manifest.json {}",
                                            config.diff_ids.size(), archived.layers.size()));
  }
  oci::Manifest manifest{.media_type = k_manifest_type,
                         .config = {.media_type = k_config_type,
                                    .digest = digest_of(text),
                                    .size_bytes = text.size(),
                                    .platform = {},
                                    .annotations = {}},
                         .layers = {},
                         .annotations = {}};
  LocalImage image;
  image.names = archived.names;
  image.short_domain = "docker.io";
  image.blobs.emplace(manifest.config.digest, archived.config);
  for (size_t i = 0; i < archived.layers.size(); ++i) {
    manifest.layers.push_back(TRY(describe_layer(files, archived.layers[i], config.diff_ids[i])));
    image.blobs.emplace(manifest.layers.back().digest, archived.layers[i]);
  }
  auto document = dump_json(oci::to_json(manifest));
  oci::Descriptor descriptor{.media_type = k_manifest_type,
                             .digest = digest_of(document),
                             .size_bytes = document.size(),
                             .platform = {},
                             .annotations = {}};
  image.chain.push_back(
      {.descriptor = std::move(descriptor), .bytes = std::move(document), .parsed = std::move(manifest)});
  return image;
}

// Names in archives of docker are docker.io's unless they say otherwise. What is no name stays as it is.
std::string full_name(const std::string& name) {
  auto reference = oci::parse_reference(name);
  if (reference && reference->is_short()) reference = oci::parse_reference("docker.io/" + name);
  return reference ? reference->with_default_tag().to_string() : name;
}

bool is_selected(const ArchivedImage& image, size_t index, const LocalSelector& selector) {
  if (selector.index) return index == *selector.index;
  if (selector.name.empty()) return true;
  return std::any_of(image.names.begin(), image.names.end(),
                     [&](const std::string& name) { return full_name(name) == full_name(selector.name); });
}

}  // namespace

Result<std::vector<LocalImage>> read_docker_archive(const ImageFiles& files, const LocalSelector& selector) {
  std::vector<LocalImage> images;
  const auto archived = TRY(read_manifest_json(files));
  for (size_t i = 0; i < archived.size(); ++i) {
    if (!is_selected(archived[i], i, selector)) continue;
    images.push_back(TRY(read_archived_image(files, archived[i])));
    if (!selector.name.empty()) images.back().names = {selector.name};
  }
  if (!images.empty()) return images;
  if (selector.index) return Error(Errc::not_found, fmt::format("it has no image number {}", *selector.index));
  if (!selector.name.empty()) {
    return Error(Errc::not_found, fmt::format("it has no image '{}'", printable(selector.name)));
  }
  return Error(Errc::not_found, "it holds no image");
}

}  // namespace ctr::engine

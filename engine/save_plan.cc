#include "engine/save_plan.h"

#include <fmt/format.h>

#include <set>

#include "base/text.h"

namespace ctr::engine {
namespace {

using oci::MediaKind;
using storage::PackPlan;

constexpr const char* k_oci_manifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* k_oci_config = "application/vnd.oci.image.config.v1+json";
constexpr const char* k_oci_layer = "application/vnd.oci.image.layer.v1.tar";
constexpr const char* k_docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* k_docker_config = "application/vnd.docker.container.image.v1+json";
constexpr const char* k_docker_layer = "application/vnd.docker.image.rootfs.diff.tar";

// Adds each file once, in the order of the first mention.
class Plan {
 public:
  void add(storage::PackMember member) {
    if (paths_.insert(member.path).second) members_.push_back(std::move(member));
  }
  PackPlan take() { return std::move(members_); }

 private:
  PackPlan members_;
  std::set<std::string> paths_;
};

bool is_plain(const oci::Descriptor& layer) { return oci::media_kind(layer.media_type) == MediaKind::layer_tar; }

std::string blob_path(const Digest& digest) {
  return fmt::format("blobs/{}/{}", digest.algorithm_name(), digest.hex());
}

// The manifest as it will be written: with the layers in `form`.
oci::Manifest manifest_in_form(const SavedImage& image, oci::Manifest manifest, LayerForm form, bool to_oci) {
  if (form == LayerForm::as_stored) return manifest;
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    auto& layer = manifest.layers[i];
    if (is_plain(layer)) continue;
    layer.media_type = to_oci ? k_oci_layer : k_docker_layer;
    layer.digest = image.config.diff_ids[i].digest;
    layer.size_bytes = image.layer_sizes[i];
  }
  return manifest;
}

// The file of layer `i`, called `path`, as `manifest` (which manifest_in_form gave) describes it.
storage::PackMember layer_member(const SavedImage& image, const oci::Manifest& manifest, size_t i, std::string path) {
  const auto& stored = image.manifest.layers[i];
  const auto& written = manifest.layers[i];
  if (written.digest == stored.digest) return storage::blob_member(std::move(path), stored.digest, stored.size_bytes);
  return storage::decompressed_member(std::move(path), stored.digest, written.size_bytes, written.digest);
}

Json index_entry(const oci::Manifest& manifest, std::string_view text, const std::string& name) {
  oci::Descriptor descriptor{.media_type = manifest.media_type,
                             .digest = digest_of(text),
                             .size_bytes = text.size(),
                             .platform = {},
                             .annotations = {}};
  if (!name.empty()) descriptor.annotations["org.opencontainers.image.ref.name"] = name;
  return oci::to_json(descriptor);
}

// The text of the manifest to be written: the stored one where nothing of it changes.
std::string manifest_text(const SavedImage& image, const oci::Manifest& written) {
  return written == image.manifest ? image.manifest_text : dump_json(oci::to_json(written));
}

}  // namespace

Result<oci::Manifest> convert_manifest(const oci::Manifest& manifest, bool to_oci) {
  const bool is_oci = oci::media_kind(manifest.media_type) == MediaKind::oci_manifest;
  if (is_oci == to_oci) return manifest;
  oci::Manifest converted = manifest;
  converted.media_type = to_oci ? k_oci_manifest : k_docker_manifest;
  converted.config.media_type = to_oci ? k_oci_config : k_docker_config;
  const std::string plain = to_oci ? k_oci_layer : k_docker_layer;
  for (auto& layer : converted.layers) {
    switch (oci::media_kind(layer.media_type)) {
      case MediaKind::layer_tar:
        layer.media_type = plain;
        break;
      case MediaKind::layer_gzip:
        layer.media_type = plain + (to_oci ? "+gzip" : ".gzip");
        break;
      case MediaKind::layer_zstd:
        if (!to_oci) {
          return Error(Errc::unsupported, "the layers are compressed with zstd, which format v2s2 does not have");
        }
        layer.media_type = plain + "+zstd";
        break;
      default:
        return Error(Errc::unsupported, "layer " + layer.digest.to_string() + " has the media type '" +
                                            printable(layer.media_type) + "', which has no counterpart");
    }
  }
  return converted;
}

PackPlan plan_docker_archive(const std::vector<SavedImage>& images) {
  Plan plan;
  Json list = Json::array();
  for (const auto& image : images) {
    const auto manifest = manifest_in_form(image, image.manifest, LayerForm::uncompressed, false);
    std::vector<std::string> layers;
    for (size_t i = 0; i < manifest.layers.size(); ++i) {
      layers.push_back(image.config.diff_ids[i].digest.hex() + ".tar");
      plan.add(layer_member(image, manifest, i, layers.back()));
    }
    const auto& config = image.manifest.config;
    const auto config_file = config.digest.hex() + ".json";
    plan.add(storage::blob_member(config_file, config.digest, config.size_bytes));
    list.push(Json::object()
                  .set("Config", config_file)
                  .set("RepoTags", Json::strings(image.names))
                  .set("Layers", Json::strings(layers)));
  }
  plan.add(storage::text_member("manifest.json", dump_json(list)));
  return plan.take();
}

Result<PackPlan> plan_oci_layout(const std::vector<SavedImage>& images, LayerForm form) {
  Plan plan;
  plan.add(storage::text_member("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}"));
  Json manifests = Json::array();
  for (const auto& image : images) {
    const auto manifest = manifest_in_form(image, TRY(convert_manifest(image.manifest, true)), form, true);
    for (size_t i = 0; i < manifest.layers.size(); ++i) {
      plan.add(layer_member(image, manifest, i, blob_path(manifest.layers[i].digest)));
    }
    plan.add(
        storage::blob_member(blob_path(manifest.config.digest), manifest.config.digest, manifest.config.size_bytes));
    const auto text = manifest_text(image, manifest);
    plan.add(storage::text_member(blob_path(digest_of(text)), text));
    if (image.names.empty()) manifests.push(index_entry(manifest, text, ""));
    for (const auto& name : image.names) manifests.push(index_entry(manifest, text, name));
  }
  Json index = Json::object();
  index.set("schemaVersion", 2)
      .set("mediaType", "application/vnd.oci.image.index.v1+json")
      .set("manifests", std::move(manifests));
  plan.add(storage::text_member("index.json", dump_json(index)));
  return plan.take();
}

Result<PackPlan> plan_image_directory(const SavedImage& image, LayerForm form, ManifestFamily family) {
  Plan plan;
  plan.add(storage::text_member("version", "Directory Transport Version: 1.1\n"));
  const bool is_oci = oci::media_kind(image.manifest.media_type) == MediaKind::oci_manifest;
  const bool to_oci = family == ManifestFamily::oci || (family == ManifestFamily::as_stored && is_oci);
  const auto manifest = manifest_in_form(image, TRY(convert_manifest(image.manifest, to_oci)), form, to_oci);
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    plan.add(layer_member(image, manifest, i, manifest.layers[i].digest.hex()));
  }
  plan.add(storage::blob_member(manifest.config.digest.hex(), manifest.config.digest, manifest.config.size_bytes));
  plan.add(storage::text_member("manifest.json", manifest_text(image, manifest)));
  return plan.take();
}

Result<std::string> merge_indexes(const std::string& old, const std::string& added) {
  constexpr const char* k_name = "org.opencontainers.image.ref.name";
  auto merged = TRY(parse_json(old, "index.json"));
  const auto json = TRY(parse_json(added, "index.json"));
  const auto name_of = [](const JsonReader& entry) -> Result<std::string> {
    auto annotations = TRY(entry.string_map("annotations"));
    return annotations[k_name];
  };
  Json entries = Json::array();
  const auto fresh = TRY(JsonReader(json, "index.json").elements("manifests"));
  for (const auto& entry : TRY(JsonReader(merged, "index.json").elements("manifests"))) {
    bool is_replaced = false;
    for (const auto& other : fresh) {
      const auto name = TRY(name_of(other));
      const bool same = TRY(entry.string_or("digest", "")) == TRY(other.string_or("digest", ""));
      if (TRY(name_of(entry)) == name && (!name.empty() || same)) is_replaced = true;
    }
    if (!is_replaced) entries.push(entry.value());
  }
  for (const auto& entry : fresh) entries.push(entry.value());
  merged.set("manifests", std::move(entries));
  return dump_json(merged);
}

}  // namespace ctr::engine

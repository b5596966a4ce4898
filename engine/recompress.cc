#include "engine/recompress.h"

#include <utility>

#include "base/text.h"
#include "engine/inflate.h"
#include "engine/push_parts.h"
#include "engine/save_plan.h"
#include "runtime/host_facts.h"
#include "storage/spool.h"

namespace ctr::engine {
namespace {

using oci::MediaKind;

bool is_zstd(const PushOptions& options) { return options.compression_format == "zstd"; }

// A layer's media type in the family of its manifest.
std::string layer_type(const oci::Manifest& manifest, bool zstd) {
  if (oci::media_kind(manifest.media_type) == MediaKind::docker_manifest) {
    return "application/vnd.docker.image.rootfs.diff.tar.gzip";
  }
  return zstd ? "application/vnd.oci.image.layer.v1.tar+zstd" : "application/vnd.oci.image.layer.v1.tar+gzip";
}

// zstd:chunked and eStargz say where files are in the compressed bytes, which are others now.
bool is_of_compression(const std::string& annotation) {
  return annotation.starts_with("io.github.containers.zstd-chunked.") ||
         annotation.starts_with("containerd.io/snapshot/stargz/");
}

// The tar inside must be the one that the configuration names.
Result<oci::Descriptor> recompress_layer(const TransferSession& session, const storage::Store& store,
                                         const runtime::HostFacts& host, const oci::Descriptor& layer,
                                         const oci::DiffId& diff_id, const PushOptions& options, Fd& file) {
  auto blob = store.blobs().open(layer.digest);
  if (!blob && blob.error().code() == Errc::not_found) {
    return Error(Errc::not_found, "layer " + layer.digest.to_string() + " is not kept in its compressed form")
        .with_hint("pull the image again before pushing it");
  }
  const auto input = TRY(std::move(blob));
  file = TRY(storage::make_spool(store.dir()));
  storage::LayerCompression compression;
  if (is_zstd(options)) compression.format = storage::LayerCompression::Format::zstd;
  compression.level = options.compression_level;
  const auto packed = TRY(pack_stream(host, input.get(), file.get(), session.options.cancel, compression));
  if (packed.diff_id != diff_id.digest) {
    return Error(Errc::corrupt, "its content is " + packed.diff_id.to_string() + ", not " + diff_id.digest.to_string());
  }
  auto changed = layer;
  changed.digest = packed.blob;
  changed.size_bytes = packed.size_bytes;
  std::erase_if(changed.annotations, [](const auto& annotation) { return is_of_compression(annotation.first); });
  return changed;
}

}  // namespace

bool asks_for_compression(const PushOptions& options) { return !options.compression_format.empty(); }

Result<RecompressedImage> recompress(TransferSession& session, const storage::Store& store, oci::Manifest manifest,
                                     const PushOptions& options) {
  RecompressedImage image{.manifest = std::move(manifest), .changed = {}};
  if (is_zstd(options) && (options.format == "v2s2" || options.format == "docker")) {
    return Error(Errc::unsupported, "format v2s2 has no layers that are compressed with zstd");
  }
  const bool is_docker = oci::media_kind(image.manifest.media_type) == MediaKind::docker_manifest;
  if (is_zstd(options) && is_docker) {
    image.manifest = TRY(convert_manifest(image.manifest, true));
  }
  const auto config = TRY(oci::parse_image_config(TRY(store.blobs().read(image.manifest.config.digest))));
  if (config.diff_ids.size() != image.manifest.layers.size()) {
    return Error(Errc::corrupt, "the image configuration names other layers than the manifest");
  }
  const auto host = TRY(runtime::probe_host_facts(session.options.environment));
  const auto wanted = is_zstd(options) ? MediaKind::layer_zstd : MediaKind::layer_gzip;
  for (size_t i = 0; i < image.manifest.layers.size(); ++i) {
    auto& layer = image.manifest.layers[i];
    const bool has_format = oci::media_kind(layer.media_type) == wanted;
    if (has_format && !options.compression_level && !options.force_compression) continue;
    Fd file;
    const auto what = "compressing layer " + layer.digest.to_string();
    layer = TRY(recompress_layer(session, store, host, layer, config.diff_ids[i], options, file).context(what));
    layer.media_type = layer_type(image.manifest, is_zstd(options));
    image.changed.insert_or_assign(layer.digest, std::move(file));
  }
  return image;
}

Result<std::unique_ptr<registry::BlobSource>> open_blob_source(const storage::Store& store,
                                                               const RecompressedImage& image, const Digest& blob) {
  const auto changed = image.changed.find(blob);
  if (changed != image.changed.end()) return file_source(TRY(changed->second.duplicate()));
  return open_blob_source(store, blob);
}

}  // namespace ctr::engine

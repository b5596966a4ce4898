#include "engine/made_image.h"

#include <sys/stat.h>

#include <functional>
#include <map>
#include <utility>

#include "base/oci/reference.h"
#include "engine/local_image.h"
#include "engine/save_plan.h"
#include "storage/spool.h"

namespace ctr::engine {
namespace {

constexpr const char* k_oci_manifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* k_oci_config = "application/vnd.oci.image.config.v1+json";
constexpr const char* k_oci_gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr const char* k_docker_gzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
// What LocalImage calls the files.
constexpr const char* k_layer_file = "layer";
constexpr const char* k_config_file = "config";

// Files that have no name in any directory.
class NamelessFiles final : public ImageFiles {
 public:
  void add(std::string name, Fd file) { files_.insert_or_assign(std::move(name), std::move(file)); }

  Result<std::optional<FileSpan>> find(std::string_view name) const override {
    const auto found = files_.find(name);
    if (found == files_.end()) return std::optional<FileSpan>();
    struct stat info{};
    if (::fstat(found->second.get(), &info) < 0) return Error::from_errno("stat a temporary file");
    return std::optional(FileSpan{
        .file = TRY(found->second.duplicate()), .offset = 0, .size_bytes = static_cast<uint64_t>(info.st_size)});
  }

 private:
  std::map<std::string, Fd, std::less<>> files_;
};

oci::Descriptor describe(std::string_view document, std::string media_type) {
  return {.media_type = std::move(media_type),
          .digest = digest_of(document),
          .size_bytes = document.size(),
          .platform = {},
          .annotations = {}};
}

Result<FetchOrder> order_of(oci::Manifest manifest, const MadeImage& image) {
  auto document = dump_json(oci::to_json(manifest));
  auto descriptor = describe(document, manifest.media_type);
  FetchOrder order{
      .chain = {}, .names = {}, .repo_digests = {}, .platform = image.config.platform, .event = image.event};
  if (!image.name.empty()) {
    order.names = {image.name};
    const auto reference = TRY(oci::parse_reference(image.name));
    order.repo_digests = {reference.name() + "@" + descriptor.digest.to_string()};
  }
  order.chain.push_back(
      {.descriptor = std::move(descriptor), .bytes = std::move(document), .parsed = std::move(manifest)});
  return order;
}

}  // namespace

Result<oci::Manifest> made_manifest(const std::optional<oci::Manifest>& base, CommitRequest::Format format,
                                    const oci::Descriptor& config, const oci::Descriptor& layer) {
  const bool is_oci = format == CommitRequest::Format::oci;
  oci::Manifest empty{.media_type = k_oci_manifest, .config = config, .layers = {}, .annotations = {}};
  empty.config.media_type = k_oci_config;
  auto manifest = TRY(convert_manifest(base.value_or(empty), is_oci));
  manifest.annotations.clear();
  const auto config_type = std::move(manifest.config.media_type);
  manifest.config = config;
  manifest.config.media_type = config_type;
  manifest.layers.push_back(layer);
  manifest.layers.back().media_type = is_oci ? k_oci_gzip : k_docker_gzip;
  return manifest;
}

Result<std::string> store_made_image(const FetchSite& site, MadeImage image) {
  const auto config_text = dump_json(oci::to_json(image.config));
  Fd config_file = TRY(storage::make_spool(site.store.dir()));
  TRY(write_all(config_file.get(), config_text, "the image configuration"));
  const oci::Descriptor layer{.media_type = {},
                              .digest = image.layer.blob,
                              .size_bytes = image.layer.size_bytes,
                              .platform = {},
                              .annotations = {}};
  auto manifest = TRY(made_manifest(image.base, image.format, describe(config_text, ""), layer));
  NamelessFiles files;
  files.add(k_layer_file, std::move(image.layer_file));
  files.add(k_config_file, std::move(config_file));
  LocalImage local;
  local.blobs = {{layer.digest, k_layer_file}, {manifest.config.digest, k_config_file}};
  // What the base has in a store of others comes along.
  for (const auto& blob : manifest.layers) {
    if (blob.digest == layer.digest || site.store.blobs().has(blob.digest)) continue;
    files.add(blob.digest.to_string(), TRY(site.store.blobs().open(blob.digest)));
    local.blobs.emplace(blob.digest, blob.digest.to_string());
  }
  const auto order = TRY(order_of(std::move(manifest), image));
  FileOrigin origin(files, local, site.progress, site.options.cancel);
  return fetch_image(site, origin, order);
}

}  // namespace ctr::engine

#include "engine/local_image.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/oci/image_config.h"
#include "base/text.h"

namespace ctr::engine {
namespace {

constexpr std::string_view k_oci_index_type = "application/vnd.oci.image.index.v1+json";
// OCI image-spec 1.1 "Pre-Defined Annotation Keys"; containerd's own, which docker and nerdctl write.
constexpr const char* k_ref_name = "org.opencontainers.image.ref.name";
constexpr const char* k_containerd_name = "io.containerd.image.name";
// An index that names an index is the most that is in use.
constexpr size_t k_index_limit = 3;
constexpr size_t k_copy_bytes = size_t{1} << 20;

Error corrupt(std::string message) { return {Errc::corrupt, std::move(message)}; }

std::string blob_path(const Digest& digest) {
  return fmt::format("blobs/{}/{}", digest.algorithm_name(), digest.hex());
}

const oci::Manifest* manifest_in(const registry::ManifestDocument& document) {
  return std::get_if<oci::Manifest>(&document.parsed);
}

// Size before digest before structure.
Result<registry::ManifestDocument> check_document(std::string bytes, const oci::Descriptor& expected) {
  if (bytes.size() != expected.size_bytes) {
    return corrupt(fmt::format("it has {} bytes instead of {}", bytes.size(), expected.size_bytes));
  }
  const auto digest = digest_of(bytes, expected.digest.algorithm());
  if (digest != expected.digest) return corrupt("its digest is " + digest.to_string());
  auto parsed = TRY(oci::parse_manifest(bytes, expected.media_type));
  oci::Descriptor descriptor = expected;
  descriptor.annotations.clear();
  return registry::ManifestDocument{
      .descriptor = std::move(descriptor), .bytes = std::move(bytes), .parsed = std::move(parsed)};
}

// Where the blobs of an image are, by digest.
using BlobNamer = std::string (*)(const Digest&);

std::map<Digest, std::string> blobs_of(const oci::Manifest& manifest, BlobNamer file_of) {
  std::map<Digest, std::string> blobs = {{manifest.config.digest, file_of(manifest.config.digest)}};
  for (const auto& layer : manifest.layers) blobs.emplace(layer.digest, file_of(layer.digest));
  return blobs;
}

// From a document down to the image's own manifest; what an index names lies in files, too.
Result<LocalImage> follow(const ImageFiles& files, registry::ManifestDocument first, const oci::Platform& platform,
                          BlobNamer file_of) {
  LocalImage image;
  image.chain.push_back(std::move(first));
  while (const auto* index = std::get_if<oci::ImageIndex>(&image.chain.back().parsed)) {
    if (image.chain.size() == k_index_limit) return corrupt("its indexes are nested too deeply");
    const auto chosen = TRY(oci::choose_platform(*index, platform));
    auto bytes = TRY(files.read(file_of(chosen.digest), oci::k_manifest_limit_bytes));
    image.chain.push_back(
        TRY(check_document(std::move(bytes), chosen).context("manifest " + chosen.digest.to_string())));
  }
  image.blobs = blobs_of(*manifest_in(image.chain.back()), file_of);
  return image;
}

std::string annotation(const oci::Descriptor& descriptor, const char* key) {
  const auto found = descriptor.annotations.find(key);
  return found == descriptor.annotations.end() ? "" : found->second;
}

// What docker's manifest.json beside an OCI layout calls the images, by the file of their configuration.
Result<std::map<std::string, std::vector<std::string>>> read_docker_names(const ImageFiles& files) {
  std::map<std::string, std::vector<std::string>> names;
  const auto text = TRY(files.read_if_there("manifest.json"));
  if (!text) return names;
  const auto json = parse_json(*text, "manifest.json");
  if (!json || !json->is_array()) return names;
  for (const auto& element : json->as_array()) {
    const JsonReader reader(element, "manifest.json");
    names[TRY(reader.string_or("Config", ""))] = TRY(reader.strings("RepoTags"));
  }
  return names;
}

bool is_image_kind(const oci::Descriptor& descriptor) {
  switch (oci::media_kind(descriptor.media_type)) {
    case oci::MediaKind::oci_index:
    case oci::MediaKind::docker_manifest_list:
    case oci::MediaKind::oci_manifest:
    case oci::MediaKind::docker_manifest:
      return true;
    default:
      return false;
  }
}

Error no_such_image(const std::string& name) {
  return {Errc::not_found, fmt::format("it has no image '{}'", printable(name))};
}

}  // namespace

Result<std::vector<LocalImage>> read_oci_layout(const ImageFiles& files, const LocalSelector& selector,
                                                const oci::Platform& platform) {
  const auto text = TRY(files.read("index.json", oci::k_manifest_limit_bytes));
  const auto document = TRY(oci::parse_manifest(text, k_oci_index_type).context("index.json"));
  const auto* index = std::get_if<oci::ImageIndex>(&document);
  if (index == nullptr) return corrupt("index.json is not an index");
  const auto docker_names = TRY(read_docker_names(files));
  std::vector<LocalImage> images;
  for (const auto& entry : index->manifests) {
    const auto tag = annotation(entry, k_ref_name);
    const auto full_name = annotation(entry, k_containerd_name);
    if (!is_image_kind(entry)) continue;
    if (!selector.name.empty() && tag != selector.name && full_name != selector.name) continue;
    auto bytes = TRY(files.read(blob_path(entry.digest), oci::k_manifest_limit_bytes));
    auto first = TRY(check_document(std::move(bytes), entry).context("manifest " + entry.digest.to_string()));
    auto image = TRY(follow(files, std::move(first), platform, blob_path));
    const auto beside = docker_names.find(blob_path(manifest_in(image.chain.back())->config.digest));
    if (!full_name.empty()) {
      image.names = {full_name};
    } else if (beside != docker_names.end() && !beside->second.empty()) {
      image.names = beside->second;
      image.short_domain = "docker.io";
    } else if (!tag.empty()) {
      image.names = {tag};
    }
    images.push_back(std::move(image));
  }
  if (images.empty() && !selector.name.empty()) return no_such_image(selector.name);
  if (images.empty()) return Error(Errc::not_found, "it holds no image");
  return images;
}

Result<LocalImage> read_image_directory(const ImageFiles& files, const oci::Platform& platform) {
  auto text = TRY(files.read("manifest.json", oci::k_manifest_limit_bytes));
  // The directory does not say what type its manifest has; the document does.
  auto parsed = TRY(oci::parse_manifest(text, "").context("manifest.json"));
  const auto* manifest = std::get_if<oci::Manifest>(&parsed);
  const auto& media_type = manifest != nullptr ? manifest->media_type : std::get<oci::ImageIndex>(parsed).media_type;
  oci::Descriptor descriptor{.media_type = media_type,
                             .digest = digest_of(text),
                             .size_bytes = text.size(),
                             .platform = {},
                             .annotations = {}};
  registry::ManifestDocument first{
      .descriptor = std::move(descriptor), .bytes = std::move(text), .parsed = std::move(parsed)};
  // Manifests of a list are called "<hex>.manifest.json", blobs "<hex>".
  const auto is_list = manifest == nullptr;
  if (!is_list) return follow(files, std::move(first), platform, [](const Digest& digest) { return digest.hex(); });
  auto image = TRY(
      follow(files, std::move(first), platform, [](const Digest& digest) { return digest.hex() + ".manifest.json"; }));
  image.blobs = blobs_of(*manifest_in(image.chain.back()), [](const Digest& digest) { return digest.hex(); });
  return image;
}

Result<LocalLayout> find_layout(const ImageFiles& files) {
  if (TRY(files.find("index.json"))) return LocalLayout::oci;
  const auto text = TRY(files.read_if_there("manifest.json"));
  if (!text) {
    Error error(Errc::unsupported,
                "it is neither an archive of docker nor an OCI layout: it has no index.json and no "
                "manifest.json");
    if (!TRY(files.find("repositories"))) return error;
    return std::move(error).with_hint("docker 1.10 and later write what ctr can read");
  }
  return trim(*text).starts_with('[') ? LocalLayout::docker_archive : LocalLayout::directory;
}

Result<std::vector<LocalImage>> read_layout(LocalLayout layout, const ImageFiles& files,
                                            const oci::Platform& platform) {
  if (layout == LocalLayout::oci) return read_oci_layout(files, {}, platform);
  if (layout == LocalLayout::docker_archive) return read_docker_archive(files, {});
  std::vector<LocalImage> images;
  images.push_back(TRY(read_image_directory(files, platform)));
  return images;
}

Result<std::string> FileOrigin::file_of(const oci::Descriptor& blob) const {
  const auto found = image_.blobs.find(blob.digest);
  if (found == image_.blobs.end()) return Error(Errc::not_found, "there is no blob " + blob.digest.to_string());
  return found->second;
}

Result<std::string> FileOrigin::read_small(const oci::Descriptor& blob) {
  auto text = TRY(files_.read(TRY(file_of(blob))));
  if (text.size() != blob.size_bytes || digest_of(text, blob.digest.algorithm()) != blob.digest) {
    return corrupt("blob " + blob.digest.to_string() + " has other content than its digest says");
  }
  return text;
}

Result<void> FileOrigin::fetch(const std::vector<registry::BlobDownload>& downloads,
                               const std::function<Result<void>()>& /*meanwhile*/) {
  for (const auto& download : downloads) {
    TRY(fetch_one(download).context("copying blob " + download.descriptor.digest.to_string()));
  }
  return ok();
}

Result<void> FileOrigin::fetch_one(const registry::BlobDownload& download) {
  const auto& blob = download.descriptor;
  const auto name = blob.digest.to_string();
  const auto span = TRY(files_.get(TRY(file_of(blob))));
  if (span.size_bytes != blob.size_bytes) {
    return corrupt(fmt::format("it has {} bytes instead of {}", span.size_bytes, blob.size_bytes));
  }
  progress_.blob_started(name, download.kind, blob.size_bytes, ProgressSink::Skip::no);
  // What an earlier try left is not worth a comparison: these bytes are near.
  if (download.sink->resume_offset() > 0) TRY(download.sink->restart());
  std::vector<std::byte> buffer(k_copy_bytes);
  for (uint64_t at = 0; at < span.size_bytes;) {
    TRY(cancel_.check());
    const size_t got = TRY(read_span(span, at, buffer));
    if (got == 0) return corrupt("it is cut off");
    TRY(download.sink->append({buffer.data(), got}));
    at += got;
    progress_.blob_advanced(name, at);
  }
  TRY(download.sink->verify());
  TRY(download.sink->commit());
  progress_.blob_done(name);
  return ok();
}

}  // namespace ctr::engine

#include "storage/image_refs.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/oci/manifest.h"
#include "base/text.h"
#include "storage/blobs.h"

namespace ctr::storage {
namespace {

using Document = std::variant<oci::Manifest, oci::ImageIndex>;

Result<Document> read_document(const StoreRoot& root, const oci::Descriptor& descriptor) {
  std::string text = TRY(BlobStore(root).read(descriptor.digest, oci::k_manifest_limit_bytes));
  return oci::parse_manifest(text, descriptor.media_type);
}

Result<oci::Manifest> read_manifest(const StoreRoot& root, const oci::Descriptor& descriptor) {
  auto document = TRY(read_document(root, descriptor));
  if (auto* manifest = std::get_if<oci::Manifest>(&document)) return std::move(*manifest);
  return Error(Errc::unsupported, "'" + descriptor.digest.to_string() + "' is an index");
}

Result<oci::ImageConfig> read_config(const StoreRoot& root, const oci::Descriptor& descriptor) {
  return oci::parse_image_config(TRY(BlobStore(root).read(descriptor.digest, oci::k_manifest_limit_bytes)));
}

// Lines "blob DIGEST" and "layer DIGEST".
void add_pinned(const std::string& lines, ContentRefs& refs) {
  for (const auto& line : split(lines, '\n')) {
    auto parts = split_once(line, ' ');
    if (!parts) continue;
    auto digest = Digest::parse(parts->second);
    if (!digest) continue;  // the last line of a process that died while it wrote
    if (parts->first == "blob") refs.blobs.insert(std::move(*digest));
    if (parts->first == "layer") refs.layers.insert(oci::DiffId{std::move(*digest)});
  }
}

// Opens the pins whose owners live and removes the others.
Result<std::vector<Fd>> open_live_pins(const StoreRoot& root) {
  std::vector<Fd> live;
  const Dir* pins = TRY(root.find_area(Area::pins));
  if (pins == nullptr) return live;
  for (const auto& name : TRY(pins->list())) {
    auto file = pins->open_file(name, O_RDONLY);
    if (!file && file.error().sys() == ENOENT) continue;
    Fd pin = TRY(std::move(file));
    if (TRY(try_flock(pin.get(), LockMode::shared, "'" + name + "'"))) {
      pins->remove_file(name).ignore("its owner may have removed it in between");
    } else {
      live.push_back(std::move(pin));
    }
  }
  return live;
}

Result<void> add_pins(const StoreRoot& root, ContentRefs& refs) {
  for (const auto& pin : TRY(open_live_pins(root))) {
    add_pinned(TRY(read_all(pin.get(), size_t{16} << 20, "the pin of a pull")), refs);
  }
  return ok();
}

// Of an image or artifact that a list names the store may have all, its manifest alone (the rest is in a registry), or
// nothing.
Result<void> add_listed_refs(const StoreRoot& root, const oci::Descriptor& image, ContentRefs& refs) {
  const BlobStore blobs(root);
  if (!blobs.has(image.digest)) return ok();
  refs.blobs.insert(image.digest);
  const auto manifest = TRY(oci::manifest_parts(TRY(blobs.read(image.digest, oci::k_manifest_limit_bytes))));
  refs.blobs.insert(manifest.config.digest);
  for (const auto& layer : manifest.layers) refs.blobs.insert(layer.digest);
  // What an artifact has for a configuration says nothing of layers.
  if (!blobs.has(manifest.config.digest) || manifest.is_artifact()) return ok();
  const auto config = TRY(read_config(root, manifest.config));
  refs.layers.insert(config.diff_ids.begin(), config.diff_ids.end());
  return ok();
}

// One level deep: lists of lists are nobody's.
Result<void> add_index_refs(const StoreRoot& root, const oci::ImageIndex& index, ContentRefs& refs) {
  for (const auto& child : index.manifests) {
    oci::MediaKind kind = oci::media_kind(child.media_type);
    bool is_manifest = kind == oci::MediaKind::oci_manifest || kind == oci::MediaKind::docker_manifest;
    if (is_manifest) TRY(add_listed_refs(root, child, refs));
  }
  return ok();
}

}  // namespace

Result<ImageFacts> read_image_facts(const StoreRoot& root, const oci::Descriptor& descriptor) {
  oci::Manifest manifest = TRY(read_manifest(root, descriptor));
  oci::ImageConfig config = TRY(read_config(root, manifest.config));
  ImageFacts facts{
      .config = manifest.config.digest, .size_bytes = manifest.config.size_bytes, .created = config.created};
  for (const auto& layer : manifest.layers) facts.size_bytes += layer.size_bytes;
  return facts;
}

Result<void> add_refs(const StoreRoot& root, const oci::Descriptor& descriptor, ContentRefs& refs) {
  refs.blobs.insert(descriptor.digest);
  auto document = TRY(read_document(root, descriptor));
  if (auto* index = std::get_if<oci::ImageIndex>(&document)) return add_index_refs(root, *index, refs);
  const auto& manifest = std::get<oci::Manifest>(document);
  refs.blobs.insert(manifest.config.digest);
  for (const auto& layer : manifest.layers) refs.blobs.insert(layer.digest);
  oci::ImageConfig config = TRY(read_config(root, manifest.config));
  refs.layers.insert(config.diff_ids.begin(), config.diff_ids.end());
  return ok();
}

Result<ContentRefs> collect_refs(const StoreRoot& root, const IndexFile& index) {
  ContentRefs refs;
  for (const auto& entry : index.entries) {
    if (!entry.id && oci::media_kind(entry.manifest.media_type) == oci::MediaKind::other) continue;
    TRY(add_refs(root, entry.manifest, refs).context("read image '" + printable(entry.name) + "'"));
  }
  TRY(add_pins(root, refs));
  return refs;
}

Result<void> drop_dead_pins(const StoreRoot& root) {
  (void)TRY(open_live_pins(root));
  return ok();
}

void subtract(ContentRefs& refs, const ContentRefs& kept) {
  for (const auto& blob : kept.blobs) refs.blobs.erase(blob);
  for (const auto& layer : kept.layers) refs.layers.erase(layer);
}

}  // namespace ctr::storage

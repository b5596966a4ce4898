#include "storage/image_lists.h"

#include <algorithm>
#include <optional>

#include "base/oci/manifest.h"
#include "base/random.h"
#include "base/text.h"
#include "storage/blobs.h"
#include "storage/image_file.h"
#include "storage/image_index.h"
#include "storage/root.h"

namespace ctr::storage {
namespace {

// Each failure means that somebody else has edited the list.
constexpr int k_edit_attempts = 100;
constexpr size_t k_id_bytes = 32;

Result<oci::Descriptor> describe(const std::string& document) {
  const auto parsed = TRY(oci::parse_manifest(document, ""));
  const auto* index = std::get_if<oci::ImageIndex>(&parsed);
  if (index == nullptr) return Error(Errc::corrupt, "it is an image, not a list of images");
  return oci::Descriptor{.media_type = index->media_type,
                         .digest = digest_of(document),
                         .size_bytes = document.size(),
                         .platform = {},
                         .annotations = {}};
}

bool is_list_type(const std::string& media_type) {
  const auto kind = oci::media_kind(media_type);
  return kind == oci::MediaKind::oci_index || kind == oci::MediaKind::docker_manifest_list;
}

// The document under the digest that names it, kept by a pin until an entry names it.
Result<Pin> publish(const StoreRoot& root, const oci::Descriptor& descriptor, const std::string& text,
                    const CancelToken& cancel) {
  auto pin = TRY(ImageStore(root).pin(cancel));
  TRY(pin.add({descriptor.digest}, {}, cancel));
  auto blob = TRY(BlobStore(root).stage(text, descriptor, cancel));
  if (blob) TRY(blob->commit());
  return pin;
}

Result<IndexEntry> find_list(const StoreRoot& root, const Digest& id) {
  auto index = TRY(read_index(root));
  for (auto& entry : index.entries) {
    if (entry.id == id && is_list_type(entry.manifest.media_type)) return std::move(entry);
  }
  return Error(Errc::not_found, "no list '" + id.hex() + "'");
}

// False when the list is not what it was.
Result<bool> replace(const StoreRoot& root, const IndexEntry& before, const oci::Descriptor& document,
                     const std::vector<std::string>& sources, const CancelToken& cancel) {
  FileLock lock = TRY(lock_images(root, LockMode::exclusive, cancel));
  IndexFile index = TRY(read_index(root));
  bool is_replaced = false;
  for (auto& entry : index.entries) {
    if (entry.id != before.id || entry.manifest.digest != before.manifest.digest) continue;
    entry.manifest = document;
    entry.list_sources = sources;
    entry.size_bytes = document.size_bytes;
    is_replaced = true;
  }
  if (is_replaced) TRY(write_index(root, index));
  return is_replaced;
}

}  // namespace

bool is_list(const ImageRecord& image) { return is_list_type(image.manifest.media_type); }

Result<Digest> ImageLists::create(const std::string& name, const ListContent& content,
                                  const CancelToken& cancel) const {
  const auto document = TRY(describe(content.document));
  const auto pin = TRY(publish(*root_, document, content.document, cancel));
  FileLock lock = TRY(lock_images(*root_, LockMode::exclusive, cancel));
  IndexFile index = TRY(read_index(*root_));
  for (const auto& entry : index.entries) {
    if (entry.name == name) return Error(Errc::exists, "'" + printable(name) + "' exists already");
  }
  const TimePoint at = now();
  const NewImage list{.manifest = document,
                      .config = digest_of(random_hex(k_id_bytes)),
                      .names = {name},
                      .repo_digests = {},
                      .size_bytes = document.size_bytes,
                      .created = at,
                      .stored_at = at};
  add_image(index.entries, list);
  index.entries.back().list_sources = content.sources;
  TRY(write_index(*root_, index));
  return list.config;
}

Result<ListContent> ImageLists::read(const Digest& id) const {
  auto found = find_list(*root_, id);
  for (size_t i = 0; !found && i < root_->others().size(); ++i) found = find_list(*root_->others()[i], id);
  auto entry = TRY(std::move(found));
  return ListContent{TRY(BlobStore(*root_).read(entry.manifest.digest, oci::k_manifest_limit_bytes)),
                     std::move(entry.list_sources)};
}

Result<void> ImageLists::edit(const Digest& id, const Edit& edit, const CancelToken& cancel) const {
  // A blob is written before the images lock is taken, and in vain when the list has changed meanwhile.
  for (int attempt = 0; attempt < k_edit_attempts; ++attempt) {
    TRY(cancel.check());
    const auto before = TRY(find_list(*root_, id));
    auto text = BlobStore(*root_).read(before.manifest.digest, oci::k_manifest_limit_bytes);
    if (!text && text.error().code() == Errc::not_found) continue;  // somebody has just replaced it
    const auto content = TRY(edit(ListContent{TRY(std::move(text)), before.list_sources}));
    const auto document = TRY(describe(content.document));
    const auto pin = TRY(publish(*root_, document, content.document, cancel));
    if (!TRY(replace(*root_, before, document, content.sources, cancel))) continue;
    (void)TRY(ImageStore(*root_).collect(cancel));
    return ok();
  }
  return Error(Errc::not_found,
               "the list '" + id.hex().substr(0, 12) + "' changes all the time, or its document is gone");
}

}  // namespace ctr::storage

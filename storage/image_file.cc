#include "storage/image_file.h"

#include <utility>

#include "storage/image_refs.h"

namespace ctr::storage {
namespace {

constexpr const char* k_index_name = "index.json";
constexpr const char* k_layout_name = "oci-layout";
constexpr const char* k_layout = "{\"imageLayoutVersion\":\"1.0.0\"}\n";
constexpr const char* k_lock_name = ".lock";

// Facts of an entry that another program wrote. An entry whose documents are missing or of another kind stays without.
void complete(const StoreRoot& root, IndexEntry& entry) {
  auto facts = read_image_facts(root, entry.manifest);
  if (!facts) return;
  entry.id = facts->config;
  entry.size_bytes = facts->size_bytes;
  entry.created = facts->created;
}

}  // namespace

Result<FileLock> lock_images(const StoreRoot& root, LockMode mode, const CancelToken& cancel) {
  return root.lock(Area::images, k_lock_name, mode, cancel, "the images of the store");
}

Result<IndexFile> read_index(const StoreRoot& root) {
  const Dir* images = TRY(root.area(Area::images));
  auto text = images->read_file(k_index_name, size_t{64} << 20);
  if (!text && text.error().sys() == ENOENT) return IndexFile{};
  IndexFile index = TRY(parse_index(TRY(std::move(text)), "'" + images->path() + "/" + k_index_name + "'"));
  for (auto& entry : index.entries) {
    if (!entry.id) complete(root, entry);
  }
  return index;
}

Result<void> write_index(const StoreRoot& root, const IndexFile& index) {
  const Dir* images = TRY(root.area(Area::images));
  if (!images->exists(k_layout_name)) TRY(images->write_file(k_layout_name, k_layout, Sync::yes, 0600));
  TRY(images->write_file(k_index_name, print_index(index), Sync::yes, 0600));
  return ok();
}

}  // namespace ctr::storage

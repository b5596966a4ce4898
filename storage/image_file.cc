#include "storage/image_file.h"

#include <poll.h>
#include <sys/stat.h>

#include <ctime>
#include <utility>

#include "storage/image_refs.h"

namespace ctr::storage {
namespace {

constexpr const char* k_index_name = "index.json";
constexpr const char* k_layout_name = "oci-layout";
constexpr const char* k_layout = "{\"imageLayoutVersion\":\"1.0.0\"}\n";
constexpr const char* k_lock_name = ".lock";
// A writer is done within milliseconds; a file that stays as it is is damaged.
constexpr int k_reread_attempts = 10;
constexpr int k_reread_pause_ms = 10;
constexpr time_t k_fresh_seconds = 2;

// Facts of an entry that another program wrote. An entry whose documents are missing or of another kind stays without.
void complete(const StoreRoot& root, IndexEntry& entry) {
  auto facts = read_image_facts(root, entry.manifest);
  if (!facts) return;
  entry.id = facts->config;
  entry.size_bytes = facts->size_bytes;
  entry.created = facts->created;
  entry.written_name = std::exchange(entry.name, full_name_of(entry.name));
}

Result<std::optional<std::string>> read_text(const Dir& images) {
  auto text = images.read_file(k_index_name, size_t{64} << 20);
  if (!text && text.error().sys() == ENOENT) return std::optional<std::string>();
  return std::optional(TRY(std::move(text)));
}

// Whether somebody may be writing the file just now.
bool is_fresh(const Dir& images) {
  const auto status = images.find(k_index_name);
  return status && *status && std::time(nullptr) - (*status)->st_mtim.tv_sec <= k_fresh_seconds;
}

}  // namespace

Result<FileLock> lock_images(const StoreRoot& root, LockMode mode, const CancelToken& cancel) {
  return root.lock(Area::images, k_lock_name, mode, cancel, "the images of the store");
}

Result<IndexFile> read_index(const StoreRoot& root) {
  const Dir* images = TRY(root.find_area(Area::images));
  if (images == nullptr) return IndexFile{};
  const auto what = "'" + images->path() + "/" + k_index_name + "'";
  const auto text = TRY(read_text(*images));
  if (!text) return IndexFile{};
  auto parsed = parse_index(*text, what);
  // Other programs write the file in place, without our lock.
  for (int i = 0; !parsed && i < k_reread_attempts && is_fresh(*images); ++i) {
    (void)::poll(nullptr, 0, k_reread_pause_ms);
    if (const auto again = TRY(read_text(*images))) parsed = parse_index(*again, what);
  }
  IndexFile index = TRY(std::move(parsed));
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

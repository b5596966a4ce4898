#include "engine/disk_usage.h"

#include <utility>

#include "base/file.h"
#include "engine/container_info.h"
#include "engine/core.h"
#include "engine/images.h"
#include "engine/system.h"
#include "engine/volumes.h"

namespace ctr::engine {

namespace {

// A document that is damaged or gone makes the image smaller, not the listing fail.
ImageContent content_of(const storage::Store& store, const ImageInfo& info) {
  ImageContent content;
  const auto add_blob = [&](const Digest& digest) {
    const auto size = store.blobs().find_size(digest);
    if (size && *size) content[digest.to_string()] = **size;
  };
  add_blob(info.manifest.digest);
  const storage::ImageRecord record{.id = info.manifest.digest,
                                    .manifest = info.manifest,
                                    .names = {},
                                    .repo_digests = {},
                                    .size_bytes = 0,
                                    .created = {},
                                    .stored_at = {}};
  if (const auto manifest = store.images().read_manifest(record)) {
    add_blob(manifest->config.digest);
    for (const auto& layer : manifest->layers) add_blob(layer.digest);
  }
  for (size_t i = 0; i < info.config.diff_ids.size() && i < info.layer_sizes_bytes.size(); ++i) {
    content["diff " + info.config.diff_ids[i].digest.to_string()] = info.layer_sizes_bytes[i];
  }
  return content;
}

uint64_t sum_of(const ImageContent& content) {
  uint64_t sum = 0;
  for (const auto& [name, size_bytes] : content) sum += size_bytes;
  return sum;
}

uint64_t size_of(const std::string& path) {
  const auto dir = Dir::open(path);
  if (!dir) return 0;
  const auto size = tree_size(*dir);
  return size ? size->size_bytes : 0;
}

}  // namespace

void add_up_images(DiskUsage& usage) {
  ImageContent all;
  ImageContent needed;
  std::map<std::string, int> users;
  for (const auto& image : usage.images) {
    for (const auto& [name, size_bytes] : image.content) {
      all[name] = size_bytes;
      ++users[name];
      if (image.info.containers > 0) needed[name] = size_bytes;
    }
  }
  for (auto& image : usage.images) {
    image.size_bytes = sum_of(image.content);
    image.shared_bytes = 0;
    for (const auto& [name, size_bytes] : image.content) {
      if (users[name] > 1) image.shared_bytes += size_bytes;
    }
  }
  usage.images_bytes = sum_of(all);
  usage.images_reclaimable_bytes = usage.images_bytes - sum_of(needed);
}

Result<DiskUsage> measure_disk_usage(Core& core) {
  const auto* store = TRY(core.store());
  DiskUsage usage;
  for (auto& info : TRY(list_images(core))) {
    // What is in the store of others takes no space of this one.
    if (info.is_read_only()) continue;
    auto content = content_of(*store, info);
    usage.images.push_back({std::move(info), std::move(content), 0, 0});
  }
  add_up_images(usage);
  for (auto& info : TRY(list_all(core))) {
    const auto size = measure_container(core, info);
    if (!size) continue;
    usage.containers.push_back({std::move(info), size->rw_bytes});
  }
  for (auto& info : TRY(list_volumes(core))) {
    const auto size_bytes = size_of(info.mountpoint);
    usage.volumes.push_back({std::move(info), size_bytes});
  }
  return usage;
}

}  // namespace ctr::engine

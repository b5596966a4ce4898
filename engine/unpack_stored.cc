#include "engine/unpack_stored.h"

#include <algorithm>
#include <utility>

#include "engine/fetch.h"
#include "engine/local_image.h"
#include "runtime/host_facts.h"

namespace ctr::engine {

namespace {

// Those that no image of the own store has: what somebody else calls his image takes no name away from one.
Result<std::vector<std::string>> free_names(const storage::Store& store, std::vector<std::string> names) {
  for (const auto& image : TRY(store.images().list())) {
    std::erase_if(names, [&](const auto& name) {
      return std::find(image.names.begin(), image.names.end(), name) != image.names.end();
    });
  }
  return names;
}

}  // namespace

Result<std::optional<FileSpan>> StoredFiles::find(std::string_view name) const {
  const auto digest = TRY(Digest::parse(name));
  const auto size = TRY(store_.blobs().find_size(digest));
  if (!size) return std::optional<FileSpan>();
  return std::optional(FileSpan{.file = TRY(store_.blobs().open(digest)), .offset = 0, .size_bytes = *size});
}

Result<void> unpack_stored(const EngineOptions& options, ProgressSink& progress, const std::string& id) {
  const auto host = TRY(runtime::probe_host_facts(options.environment));
  const auto store = TRY(storage::Store::open(options.paths, options.cancel, options.log));
  TRY(store.sweep());
  const auto image = TRY(store.images().find({.names = {}, .id_prefix = id}));
  if (!image) return Error(Errc::not_found, id + ": image not known");
  auto manifest = TRY(store.images().read_manifest(*image));
  LocalImage local;
  local.blobs = {{manifest.config.digest, manifest.config.digest.to_string()}};
  for (const auto& layer : manifest.layers) local.blobs.emplace(layer.digest, layer.digest.to_string());
  FetchOrder order{.chain = {}, .names = {}, .repo_digests = image->repo_digests, .platform = {}, .event = ""};
  // One of the own store keeps the names that it has.
  if (!image->other_store.empty()) order.names = TRY(free_names(store, image->names));
  order.chain.push_back({.descriptor = image->manifest,
                         .bytes = TRY(store.blobs().read(image->manifest.digest, oci::k_manifest_limit_bytes)),
                         .parsed = std::move(manifest)});
  const StoredFiles files(store);
  FileOrigin origin(files, local, progress, options.cancel);
  (void)TRY(fetch_image({options, progress, store, host}, origin, order));
  return ok();
}

}  // namespace ctr::engine

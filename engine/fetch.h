// Brings one image into the store: missing blobs are copied side by side and unpacked while they arrive.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "engine/engine.h"
#include "registry/client.h"
#include "runtime/host_facts.h"
#include "storage/store.h"

namespace ctr::engine {

// Where the blobs of an image come from: a registry, or files.
class BlobOrigin {
 public:
  virtual ~BlobOrigin() = default;
  // A small blob (an image configuration) as text, its digest checked.
  virtual Result<std::string> read_small(const oci::Descriptor& blob) = 0;
  // Hands the bytes of each blob to its sink, which is committed only if length and digest are right. Where bytes may
  // be long in coming, `meanwhile` is called at least once a second.
  virtual Result<void> fetch(const std::vector<registry::BlobDownload>& downloads,
                             const std::function<Result<void>()>& meanwhile) = 0;
};

// Where they go. Everything is borrowed.
struct FetchSite {
  const EngineOptions& options;
  ProgressSink& progress;
  const storage::Store& store;
  const runtime::HostFacts& host;
};

// What comes: the documents that lead to the image, and what it is called from then on.
struct FetchOrder {
  std::vector<registry::ManifestDocument> chain;  // what was named first; the image's own manifest last
  std::vector<std::string> names;                 // full names with tag, taken from other images
  std::vector<std::string> repo_digests;          // name@digest
  std::optional<oci::Platform> platform;          // asked for; nullopt: the host's
  std::string event = "pull";                     // what the event log calls it; empty: nothing
};

// The id of the image, hex. Nothing is visible before all of it is verified and synced; what was copied when it fails
// stays as partial blobs for the next try. Errors: corrupt, unsupported, network, no_space, interrupted.
Result<std::string> fetch_image(const FetchSite& site, BlobOrigin& origin, const FetchOrder& order);

}  // namespace ctr::engine

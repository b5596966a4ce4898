// One process that unpacks one layer, inside the user namespace with the full id map, while the blob is still arriving.
#pragma once

#include <optional>

#include "base/fd.h"
#include "base/result.h"
#include "engine/confined_worker.h"
#include "runtime/host_facts.h"
#include "storage/layers.h"
#include "storage/unpack.h"

namespace ctr::engine {

// Which owners a worker with this map can give to files. With a single mapped id nothing can have another owner: every
// file then belongs to the user.
storage::OwnerRules owner_rules(const runtime::IdMap& ids);

// A running worker. Killed on destruction; what it has unpacked by then is the layer staging's business.
class [[nodiscard]] UnpackWorker {
 public:
  // `blob` is read from its start; with Arrival::growing only as far as advance() has said.
  enum class Arrival { complete, growing };
  static Result<UnpackWorker> start(const runtime::HostFacts& host, Fd blob, Arrival arrival, const Dir& target);

  // So many bytes of the blob file are valid. Never blocks.
  void advance(uint64_t valid_bytes);
  // The blob is whole and verified: the worker may finish.
  Result<void> end_of_blob();
  // Readable when the worker has answered or died.
  int answer_fd() const { return worker_.answer_fd(); }
  // Waits for the answer. Errors: as unpack_layer(); internal when the worker died without one.
  Result<storage::UnpackedLayer> finish(const CancelToken& cancel);

 private:
  UnpackWorker(ConfinedWorker worker, Fd counts) : worker_(std::move(worker)), counts_(std::move(counts)) {}
  ConfinedWorker worker_;
  Fd counts_;
};

}  // namespace ctr::engine

// One process that unpacks one layer, inside the user namespace with the full id map, while the blob is still arriving.
#pragma once

#include <optional>

#include "base/child.h"
#include "base/fd.h"
#include "base/result.h"
#include "runtime/host_facts.h"
#include "storage/layers.h"
#include "storage/unpack.h"

namespace ctr::engine {

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
  int answer_fd() const { return answer_.get(); }
  // Waits for the answer. Errors: as unpack_layer(); internal when the worker died without one.
  Result<storage::UnpackedLayer> finish(const CancelToken& cancel);

 private:
  UnpackWorker(Child child, Fd counts, Fd answer)
      : child_(std::move(child)), counts_(std::move(counts)), answer_(std::move(answer)) {}
  Child child_;
  Fd counts_;
  Fd answer_;
};

}  // namespace ctr::engine

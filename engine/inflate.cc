#include "engine/inflate.h"

#include "base/fd.h"
#include "engine/confined_worker.h"
#include "storage/inflate.h"

namespace ctr::engine {
namespace {

// Numbers of the descriptors in the worker.
constexpr int k_input_fd = k_worker_first_fd;
constexpr int k_output_fd = k_worker_first_fd + 1;

}  // namespace

Result<storage::PackedLayer> pack_stream(const runtime::HostFacts& host, int input_fd, int output_fd,
                                         const CancelToken& cancel, const storage::LayerCompression& compression) {
  auto pipe = TRY(make_pipe());
  const storage::SpoolRequest request{.input_fd = k_input_fd, .spool_fd = k_output_fd, .answer_fd = k_worker_answer_fd};
  auto worker = TRY(ConfinedWorker::start(host, "inflate", storage::to_json(request),
                                          {{input_fd, k_input_fd}, {pipe.write_end.get(), k_output_fd}}));
  pipe.write_end.reset();
  const auto packed = TRY(storage::pack_layer(pipe.read_end.get(), output_fd, cancel, compression));
  TRY(storage::inflate_answer_from_json(TRY(worker.finish(cancel))));
  return packed;
}

}  // namespace ctr::engine

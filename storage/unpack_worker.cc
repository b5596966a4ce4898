// The worker process: confinement, then unpack_layer().
#include <new>

#include "storage/confine.h"
#include "storage/unpack.h"
#include "storage/worker.h"

namespace ctr::storage {
namespace {

Result<UnpackedLayer> unpack_confined(const UnpackRequest& request, const LoadFilter& load_filter) {
  const Dir target = TRY(confine_to(request.target_fd, load_filter));
  if (request.count_fd < 0) {
    FileSource source(request.blob_fd);
    return unpack_layer(source, target, request.options);
  }
  GrowingSource source(request.blob_fd, request.count_fd);
  return unpack_layer(source, target, request.options);
}

// The boundary where the one exception that our own code can meet becomes an Error.
Result<UnpackedLayer> unpack_bounded(const UnpackRequest& request, const LoadFilter& load_filter) {
  try {
    return unpack_confined(request, load_filter);
  } catch (const std::bad_alloc&) {
    return Error(Errc::invalid, "the layer needs more memory than unpacking may use");
  }
}

}  // namespace

int run_unpack_worker(const UnpackRequest& request, const LoadFilter& load_filter) {
  prepare_worker();
  return finish_worker(request.answer_fd, unpack_bounded(request, load_filter));
}

}  // namespace ctr::storage

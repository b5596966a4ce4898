#include "storage/inflate.h"

#include <new>

#include "base/channel.h"
#include "base/fd.h"
#include "storage/plain_archive.h"
#include "storage/unpack.h"

namespace ctr::storage {
namespace {

Result<void> inflate_bounded(const SpoolRequest& request, const LoadFilter& load_filter) {
  TRY(confine_to_nothing(load_filter));
  try {
    return inflate_stream(request.input_fd, request.spool_fd);
  } catch (const std::bad_alloc&) {
    return Error(Errc::invalid, "the archive needs more memory than unpacking it may use");
  }
}

}  // namespace

Result<void> inflate_stream(int input_fd, int output_fd) {
  const auto size = TRY(write_plain_archive(input_fd, output_fd, UnpackLimits{}.stream_bytes, "the layer"));
  if (size == 0) return Error(Errc::invalid, "the archive is empty");
  return ok();
}

int run_inflate_worker(const SpoolRequest& request, const LoadFilter& load_filter) {
  prepare_worker();
  return finish_worker(request.answer_fd, inflate_bounded(request, load_filter));
}

Result<void> inflate_answer_from_json(const Json& answer) {
  if (const Json* error = answer.find("error")) return error_from_json(*error);
  return ok();
}

}  // namespace ctr::storage

#include "storage/layer_measure.h"

#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/channel.h"
#include "base/fd.h"
#include "storage/layer_stream.h"

namespace ctr::storage {
namespace {

constexpr std::string_view k_compressions[] = {"none", "gzip", "zstd", "foreign"};
// The longest magic.
constexpr size_t k_head_bytes = 6;

// Passes bytes on while it copies and hashes them.
class CopyingSource final : public ByteSource {
 public:
  CopyingSource(int input_fd, int spool_fd) : input_(input_fd), spool_(spool_fd) {}

  Result<size_t> read(void* buffer, size_t size) override {
    ssize_t got = -1;
    do {
      got = ::read(input_, buffer, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return Error::from_errno("read the tarball");
    const std::string_view bytes(static_cast<const char*>(buffer), static_cast<size_t>(got));
    if (head_.size() < k_head_bytes) head_ += bytes.substr(0, k_head_bytes - head_.size());
    hasher_.update(bytes);
    size_bytes_ += bytes.size();
    TRY(write_all(spool_, bytes, "the tarball to the store"));
    return bytes.size();
  }
  Digest digest() { return hasher_.finish(); }
  uint64_t size_bytes() const { return size_bytes_; }
  Compression compression() const { return compression_of(head_); }

 private:
  int input_;
  int spool_;
  std::string head_;
  Hasher hasher_;
  uint64_t size_bytes_ = 0;
};

Result<MeasuredLayer> measure_bounded(const SpoolRequest& request, const LoadFilter& load_filter) {
  TRY(confine_to_nothing(load_filter));
  try {
    return measure_layer(request.input_fd, request.spool_fd);
  } catch (const std::bad_alloc&) {
    return Error(Errc::invalid, "the tarball needs more memory than reading it may use");
  }
}

}  // namespace

Result<MeasuredLayer> measure_layer(int input_fd, int spool_fd, uint64_t limit_bytes) {
  CopyingSource source(input_fd, spool_fd);
  LayerStream stream(source, limit_bytes);
  auto diff_id = TRY(stream.finish());
  return MeasuredLayer{.compression = source.compression(),
                       .digest = source.digest(),
                       .size_bytes = source.size_bytes(),
                       .diff_id = {std::move(diff_id)},
                       .unpacked_bytes = stream.size_bytes()};
}

Json to_json(const Result<MeasuredLayer>& answer) {
  if (!answer) return Json::object().set("error", ctr::to_json(answer.error()));
  return Json::object()
      .set("compression", k_compressions[static_cast<size_t>(answer->compression)])
      .set("digest", answer->digest.to_string())
      .set("size", answer->size_bytes)
      .set("diffId", answer->diff_id.digest.to_string())
      .set("unpackedSize", answer->unpacked_bytes);
}

Result<MeasuredLayer> measure_answer_from_json(const Json& answer) {
  if (const Json* error = answer.find("error")) return error_from_json(*error);
  const JsonReader reader(answer, "the answer of a worker");
  const auto compression = TRY(reader.get_string("compression"));
  const auto* found = std::find(std::begin(k_compressions), std::end(k_compressions), compression);
  if (found == std::end(k_compressions)) return reader.wrong("compression", "a compression");
  return MeasuredLayer{.compression = static_cast<Compression>(found - std::begin(k_compressions)),
                       .digest = TRY(Digest::parse(TRY(reader.get_string("digest")))),
                       .size_bytes = TRY(reader.get_uint("size")),
                       .diff_id = {TRY(Digest::parse(TRY(reader.get_string("diffId"))))},
                       .unpacked_bytes = TRY(reader.get_uint("unpackedSize"))};
}

int run_measure_worker(const SpoolRequest& request, const LoadFilter& load_filter) {
  prepare_worker();
  return finish_worker(request.answer_fd, measure_bounded(request, load_filter));
}

}  // namespace ctr::storage

#include "storage/layer_pack.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/fd.h"
#include "storage/layer_encoder.h"

namespace ctr::storage {
namespace {

constexpr size_t k_read_bytes = size_t{256} << 10;

// The next bytes; 0 at the end.
Result<size_t> read_next(int fd, std::vector<char>& buffer, const CancelToken& cancel) {
  while (true) {
    pollfd ready[2] = {{.fd = fd, .events = POLLIN, .revents = 0}, {.fd = cancel.fd(), .events = POLLIN, .revents = 0}};
    if (::poll(ready, 2, -1) < 0 && errno != EINTR) return Error::from_errno("wait for the layer");
    TRY(cancel.check());
    if (ready[0].revents == 0) continue;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR && errno != EAGAIN) return Error::from_errno("read the layer");
  }
}

}  // namespace

Result<PackedLayer> pack_layer(int input_fd, int output_fd, const CancelToken& cancel,
                               const LayerCompression& compression) {
  const auto encoder = TRY(compression.format == LayerCompression::Format::zstd ? make_zstd_encoder(compression.level)
                                                                                : make_gzip_encoder(compression.level));
  Hasher content;
  Hasher blob;
  uint64_t size_bytes = 0;
  const LayerEncoder::Sink sink = [&](std::string_view bytes) {
    blob.update(bytes);
    size_bytes += bytes.size();
    return write_all(output_fd, bytes, "the layer");
  };
  std::vector<char> buffer(k_read_bytes);
  while (true) {
    const size_t got = TRY(read_next(input_fd, buffer, cancel));
    if (got == 0) break;
    content.update(buffer.data(), got);
    TRY(encoder->write({buffer.data(), got}, sink));
  }
  TRY(encoder->finish(sink));
  return PackedLayer{.blob = blob.finish(), .size_bytes = size_bytes, .diff_id = content.finish()};
}

}  // namespace ctr::storage

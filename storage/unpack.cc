#include "storage/unpack.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "storage/layer_stream.h"
#include "storage/tar_reader.h"
#include "storage/tree_writer.h"

namespace ctr::storage {
namespace {

Result<size_t> read_at(int fd, void* buffer, size_t size, uint64_t offset) {
  while (true) {
    ssize_t got = ::pread(fd, buffer, size, static_cast<off_t>(offset));
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return Error::from_errno("read the blob");
  }
}

// Unpacks all entries. An entirely empty stream is a layer without entries.
Result<uint64_t> write_entries(LayerStream& stream, TreeWriter& writer, const UnpackLimits& limits) {
  auto tar = TRY(TarReader::open(stream, limits));
  uint64_t files = 0;
  while (const TarEntry* entry = TRY(tar.next())) {
    if (++files > limits.files) {
      return Error(Errc::invalid, fmt::format("the layer has more entries than the limit of {}", limits.files));
    }
    TRY(writer.write(*entry, tar));
  }
  return files;
}

}  // namespace

Result<UnpackedLayer> unpack_layer(ByteSource& source, const Dir& target, const UnpackOptions& options) {
  const NoUmask no_umask;
  LayerStream stream(source, options.limits.stream_bytes);
  TreeWriter writer(target, options);
  uint64_t files = TRY(write_entries(stream, writer, options.limits));
  TRY(writer.finish());
  // Padding behind the end of the archive belongs to the digest.
  Digest digest = TRY(stream.finish());
  return UnpackedLayer{
      .record = {.diff_id = {std::move(digest)},
                 .size_bytes = stream.size_bytes(),
                 .files = files,
                 .is_opaque_root = writer.is_opaque_root()},
      .content_bytes = writer.content_bytes(),
      .skipped_devices = writer.skipped_devices(),
      .skipped_xattrs = writer.skipped_xattrs(),
  };
}

Result<size_t> FileSource::read(void* buffer, size_t size) {
  size_t got = TRY(read_at(fd_, buffer, size, offset_));
  offset_ += got;
  return got;
}

Result<size_t> GrowingSource::read(void* buffer, size_t size) {
  while (offset_ == valid_ && !ended_) TRY(wait_for_more());
  size_t wanted = std::min<uint64_t>(size, valid_ - offset_);
  if (wanted == 0) return size_t{0};
  size_t got = TRY(read_at(fd_, buffer, wanted, offset_));
  if (got == 0) return Error(Errc::io, "the partial blob became shorter while it was read");
  offset_ += got;
  return got;
}

// Reads what numbers there are and keeps the last one.
Result<void> GrowingSource::wait_for_more() {
  std::array<uint64_t, 512> counts{};  // PIPE_BUF bytes: writes of 8 bytes are never split
  ssize_t got = ::read(pipe_, counts.data(), sizeof counts);
  if (got < 0 && errno == EINTR) return ok();
  if (got < 0 && errno == EAGAIN) {
    struct pollfd wait{pipe_, POLLIN, 0};
    (void)::poll(&wait, 1, -1);
    return ok();
  }
  if (got < 0) return Error::from_errno("read the progress of the download");
  if (got == 0) return Error(Errc::interrupted, "the download of the layer was broken off");
  for (size_t i = 0; i < static_cast<size_t>(got) / sizeof(uint64_t); ++i) {
    if (counts[i] == k_stream_end) {
      ended_ = true;
    } else {
      valid_ = std::max(valid_, counts[i]);
    }
  }
  return ok();
}

}  // namespace ctr::storage

#include "storage/layer_stream.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ctr::storage {
namespace {

constexpr size_t k_in_bytes = size_t{256} << 10;
constexpr size_t k_out_bytes = size_t{512} << 10;
// The longest magic below.
constexpr size_t k_magic_bytes = 6;

struct Magic {
  std::string_view bytes;
  std::string_view name;
  Compression compression = Compression::foreign;
};
constexpr std::string_view k_gzip_magic("\x1f\x8b", 2);
constexpr std::string_view k_zstd_magic("\x28\xb5\x2f\xfd", 4);
// Formats that tools accept here and that we name instead of calling them a broken tar.
constexpr Magic k_foreign[] = {
    {std::string_view("BZh", 3), "bzip2", Compression::bzip2},
    {std::string_view("\xfd"
                      "7zXZ\0",
                      6),
     "xz", Compression::xz},
    {std::string_view("\x04\x22\x4d\x18", 4), "lz4"},
    {std::string_view("PK\x03\x04", 4), "zip"},
    {std::string_view("\x1f\x9d", 2), "compress (.Z)"},
};

const Magic* find_foreign(std::string_view head) {
  const auto* found = std::find_if(std::begin(k_foreign), std::end(k_foreign),
                                   [&](const Magic& foreign) { return head.starts_with(foreign.bytes); });
  return found == std::end(k_foreign) ? nullptr : found;
}

}  // namespace

Compression compression_of(std::string_view head) {
  if (head.starts_with(k_gzip_magic)) return Compression::gzip;
  if (head.starts_with(k_zstd_magic)) return Compression::zstd;
  const auto* foreign = find_foreign(head);
  return foreign == nullptr ? Compression::none : foreign->compression;
}

Result<size_t> StreamSource::read(void* buffer, size_t size) {
  while (true) {
    const ssize_t got = ::read(fd_, buffer, size);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return Error::from_errno("read the archive");
  }
}

LayerStream::LayerStream(ByteSource& source, uint64_t limit_bytes, Hashing hashing)
    : source_(source), limit_bytes_(limit_bytes), hashing_(hashing), in_(k_in_bytes), out_(k_out_bytes) {}

// Moves what is left to the front and reads more behind it.
Result<void> LayerStream::fill() {
  if (in_begin_ > 0) std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
  in_end_ -= in_begin_;
  in_begin_ = 0;
  if (source_ended_ || in_end_ == in_.size()) return ok();
  size_t got = TRY(source_.read(in_.data() + in_end_, in_.size() - in_end_));
  source_ended_ = got == 0;
  in_end_ += got;
  return ok();
}

Result<void> LayerStream::choose_decoder() {
  while (in_end_ < k_magic_bytes && !source_ended_) TRY(fill());
  std::string_view head(reinterpret_cast<const char*>(in_.data()), in_end_);
  switch (compression_of(head)) {
    case Compression::gzip:
      decoder_ = TRY(make_gzip_decoder());
      break;
    case Compression::zstd:
      decoder_ = TRY(make_zstd_decoder());
      break;
    case Compression::xz:
    case Compression::bzip2:
    case Compression::foreign:
      return Error(Errc::unsupported, fmt::format("it is compressed with {}", find_foreign(head)->name))
          .with_hint("gzip, zstd and no compression are supported");
    case Compression::none:
      break;
  }
  chosen_ = true;
  return ok();
}

// One round of the decoder; 0 with input left means that it wants more.
Result<size_t> LayerStream::decode_some() {
  const uint8_t* in = in_.data() + in_begin_;
  size_t in_size = in_end_ - in_begin_;
  if (!in_member_) {
    TRY(decoder_->restart(in, in_size));
    in_member_ = true;
  }
  Decoder::Step step = TRY(decoder_->decode(in, in_size, out_.data(), out_.size()));
  in_begin_ += step.consumed;
  if (step.finished) in_member_ = false;
  return step.produced;
}

Result<std::string_view> LayerStream::next() {
  if (!chosen_) TRY(choose_decoder());
  size_t produced = 0;
  const uint8_t* data = out_.data();
  if (!decoder_) {
    if (in_begin_ == in_end_) TRY(fill());
    data = in_.data() + in_begin_;
    produced = in_end_ - in_begin_;
    in_begin_ = in_end_;
  }
  while (decoder_ && produced == 0) {
    if (!in_member_ && in_begin_ == in_end_) TRY(fill());
    if (at_source_end() && !in_member_) break;
    size_t before = in_begin_;
    produced = TRY(decode_some());
    if (produced > 0 || in_begin_ != before) continue;
    if (source_ended_) return Error(Errc::corrupt, "the compressed data is cut off");
    TRY(fill());
  }
  size_bytes_ += produced;
  if (size_bytes_ > limit_bytes_) {
    return Error(Errc::invalid,
                 fmt::format("the uncompressed data is larger than the limit of {} bytes", limit_bytes_));
  }
  if (hashing_ == Hashing::yes) hasher_.update(data, produced);
  return std::string_view(reinterpret_cast<const char*>(data), produced);
}

Result<Digest> LayerStream::finish() {
  while (!TRY(next()).empty()) {
  }
  return hasher_.finish();
}

}  // namespace ctr::storage

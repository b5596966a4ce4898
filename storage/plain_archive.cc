#include "storage/plain_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/text.h"
#include "storage/layer_stream.h"

namespace ctr::storage {
namespace {

constexpr size_t k_buffer_bytes = size_t{256} << 10;
// compression_of() needs as many.
constexpr size_t k_head_bytes = 6;

// A stream whose first bytes have been looked at.
class HeadedSource final : public ByteSource {
 public:
  explicit HeadedSource(int fd) : rest_(fd) {}

  Result<std::string_view> head() {
    while (head_.size() < k_head_bytes) {
      std::array<char, k_head_bytes> bytes{};
      const size_t got = TRY(rest_.read(bytes.data(), k_head_bytes - head_.size()));
      if (got == 0) break;
      head_.append(bytes.data(), got);
    }
    return std::string_view(head_);
  }

  Result<size_t> read(void* buffer, size_t size) override {
    if (given_ == head_.size()) return rest_.read(buffer, size);
    const size_t count = std::min(size, head_.size() - given_);
    std::copy_n(head_.data() + given_, count, static_cast<char*>(buffer));
    given_ += count;
    return count;
  }

 private:
  StreamSource rest_;
  std::string head_;
  size_t given_ = 0;
};

// Where decompressed bytes go.
class Output {
 public:
  Output(int fd, uint64_t limit_bytes, const char* what) : fd_(fd), limit_bytes_(limit_bytes), what_(what) {}
  Result<void> write(std::string_view bytes) {
    size_bytes_ += bytes.size();
    if (size_bytes_ > limit_bytes_) {
      return Error(Errc::invalid,
                   fmt::format("the uncompressed data is larger than the limit of {} bytes", limit_bytes_));
    }
    return write_all(fd_, bytes, what_);
  }
  uint64_t size_bytes() const { return size_bytes_; }

 private:
  int fd_;
  uint64_t limit_bytes_;
  const char* what_;
  uint64_t size_bytes_ = 0;
};

// One compression of libarchive's, and nothing of its readers of formats.
class Filter {
 public:
  Filter(ByteSource& source, Compression compression, const char* name)
      : source_(source), compression_(compression), name_(name), buffer_(k_buffer_bytes) {}

  Result<void> write_to(Output& output) {
    if (!archive_) return Error::from_errno("start libarchive", ENOMEM);
    auto* archive = archive_.get();
    const int added = compression_ == Compression::xz ? ::archive_read_support_filter_xz(archive)
                                                      : ::archive_read_support_filter_bzip2(archive);
    // A warning: the library would run a program for it.
    if (added != ARCHIVE_OK) {
      return Error(Errc::unsupported, fmt::format("it is compressed with {}, which this libarchive cannot read", name_))
          .with_hint("decompress it first");
    }
    struct archive_entry* entry = nullptr;
    if (::archive_read_support_format_raw(archive) != ARCHIVE_OK ||
        ::archive_read_open(archive, this, nullptr, &Filter::read, nullptr) != ARCHIVE_OK) {
      return failure();
    }
    const int code = ::archive_read_next_header(archive, &entry);
    if (code == ARCHIVE_EOF) return ok();
    if (code != ARCHIVE_OK) return failure();
    std::vector<char> out(k_buffer_bytes);
    while (true) {
      const auto got = ::archive_read_data(archive, out.data(), out.size());
      if (got < 0) return failure();
      if (got == 0) return ok();
      TRY(output.write({out.data(), static_cast<size_t>(got)}));
    }
  }

 private:
  static la_ssize_t read(struct archive* archive, void* self, const void** buffer) {
    auto* filter = static_cast<Filter*>(self);
    auto got = filter->source_.read(filter->buffer_.data(), filter->buffer_.size());
    if (!got) {
      ::archive_set_error(archive, EIO, "read");
      filter->error_ = std::move(got).error();
      return -1;
    }
    *buffer = filter->buffer_.data();
    return static_cast<la_ssize_t>(*got);
  }

  Error failure() {
    if (error_) return std::move(*error_);
    const char* words = ::archive_error_string(archive_.get());
    return {Errc::corrupt, fmt::format("the {} data is damaged: {}", name_, printable(words == nullptr ? "" : words))};
  }

  ByteSource& source_;
  Compression compression_;
  const char* name_;
  std::vector<char> buffer_;
  std::optional<Error> error_;
  std::unique_ptr<struct archive, int (*)(struct archive*)> archive_{::archive_read_new(), &::archive_read_free};
};

}  // namespace

Result<uint64_t> write_plain_archive(int input_fd, int output_fd, uint64_t limit_bytes, const char* what) {
  HeadedSource source(input_fd);
  Output output(output_fd, limit_bytes, what);
  const auto compression = compression_of(TRY(source.head()));
  if (compression == Compression::xz || compression == Compression::bzip2) {
    TRY(Filter(source, compression, compression == Compression::xz ? "xz" : "bzip2").write_to(output));
    return output.size_bytes();
  }
  LayerStream stream(source, limit_bytes, Hashing::no);
  while (true) {
    const auto bytes = TRY(stream.next());
    if (bytes.empty()) return output.size_bytes();
    TRY(output.write(bytes));
  }
}

}  // namespace ctr::storage

#include "storage/layer_encoder.h"

#include <zstd.h>

#include <algorithm>
#include <vector>

#if CTR_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

namespace ctr::storage {
namespace {

constexpr size_t k_out_bytes = size_t{128} << 10;

#if CTR_HAVE_ISAL

class IsalEncoder final : public LayerEncoder {
 public:
  explicit IsalEncoder(std::optional<int> level)
      : stream_(std::make_unique<isal_zstream>()), level_buffer_(ISAL_DEF_LVL3_DEFAULT), out_(k_out_bytes) {
    isal_deflate_init(stream_.get());
    stream_->level = static_cast<uint32_t>(std::clamp(level.value_or(2), 1, 3));
    stream_->level_buf = level_buffer_.data();
    stream_->level_buf_size = static_cast<uint32_t>(level_buffer_.size());
    stream_->gzip_flag = IGZIP_GZIP;
  }

  Result<void> write(std::string_view bytes, const Sink& sink) override { return encode(bytes, false, sink); }
  Result<void> finish(const Sink& sink) override { return encode({}, true, sink); }

 private:
  // `bytes` has less than 4 GiB.
  Result<void> encode(std::string_view bytes, bool is_last, const Sink& sink) {
    // The library does not write through next_in.
    stream_->next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
    stream_->avail_in = static_cast<uint32_t>(bytes.size());
    stream_->end_of_stream = is_last ? 1 : 0;
    do {
      stream_->next_out = out_.data();
      stream_->avail_out = static_cast<uint32_t>(out_.size());
      if (isal_deflate(stream_.get()) != COMP_OK) return Error(Errc::internal, "ISA-L cannot compress");
      const size_t made = out_.size() - stream_->avail_out;
      if (made > 0) TRY(sink({reinterpret_cast<const char*>(out_.data()), made}));
    } while (stream_->avail_out == 0);
    return ok();
  }

  std::unique_ptr<isal_zstream> stream_;
  std::vector<uint8_t> level_buffer_;
  std::vector<uint8_t> out_;
};
using GzipEncoder = IsalEncoder;

#else

class ZlibEncoder final : public LayerEncoder {
 public:
  explicit ZlibEncoder(std::optional<int> level) : out_(k_out_bytes) {
    constexpr int k_gzip_bits = 16 + MAX_WBITS;  // 16: gzip, zlib.h
    constexpr int k_memory_level = 8;            // the library's default
    ready_ = ::deflateInit2(&stream_, level.value_or(Z_DEFAULT_COMPRESSION), Z_DEFLATED, k_gzip_bits, k_memory_level,
                            Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~ZlibEncoder() override { (void)::deflateEnd(&stream_); }
  ZlibEncoder(const ZlibEncoder&) = delete;
  ZlibEncoder& operator=(const ZlibEncoder&) = delete;

  Result<void> write(std::string_view bytes, const Sink& sink) override { return encode(bytes, Z_NO_FLUSH, sink); }
  Result<void> finish(const Sink& sink) override { return encode({}, Z_FINISH, sink); }

 private:
  // `bytes` has less than 4 GiB.
  Result<void> encode(std::string_view bytes, int flush, const Sink& sink) {
    if (!ready_) return Error::from_errno("start zlib", ENOMEM);
    // The library does not write through next_in.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = out_.data();
      stream_.avail_out = static_cast<uInt>(out_.size());
      // Z_BUF_ERROR: there was nothing to do.
      const int code = ::deflate(&stream_, flush);
      if (code == Z_STREAM_ERROR) return Error(Errc::internal, "zlib cannot compress");
      const size_t made = out_.size() - stream_.avail_out;
      if (made > 0) TRY(sink({reinterpret_cast<const char*>(out_.data()), made}));
    } while (stream_.avail_out == 0);
    return ok();
  }

  z_stream stream_{};
  bool ready_ = false;
  std::vector<Bytef> out_;
};
using GzipEncoder = ZlibEncoder;

#endif

class ZstdEncoder final : public LayerEncoder {
 public:
  explicit ZstdEncoder(std::optional<int> level) : context_(::ZSTD_createCCtx()), out_(k_out_bytes) {
    if (!context_) return;
    (void)::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level.value_or(ZSTD_CLEVEL_DEFAULT));
    (void)::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  }

  Result<void> write(std::string_view bytes, const Sink& sink) override { return encode(bytes, ZSTD_e_continue, sink); }
  Result<void> finish(const Sink& sink) override { return encode({}, ZSTD_e_end, sink); }

 private:
  Result<void> encode(std::string_view bytes, ZSTD_EndDirective mode, const Sink& sink) {
    if (!context_) return Error::from_errno("start zstd", ENOMEM);
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    while (true) {
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      const size_t left = ::ZSTD_compressStream2(context_.get(), &out, &in, mode);
      if (::ZSTD_isError(left) != 0) return Error(Errc::internal, "zstd cannot compress");
      if (out.pos > 0) TRY(sink({out_.data(), out.pos}));
      if (mode == ZSTD_e_end ? left == 0 : in.pos == in.size) return ok();
    }
  }

  struct Free {
    void operator()(ZSTD_CCtx* context) const { (void)::ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
  std::vector<char> out_;
};

}  // namespace

Result<std::unique_ptr<LayerEncoder>> make_gzip_encoder(std::optional<int> level) {
  return std::unique_ptr<LayerEncoder>(std::make_unique<GzipEncoder>(level));
}

Result<std::unique_ptr<LayerEncoder>> make_zstd_encoder(std::optional<int> level) {
  return std::unique_ptr<LayerEncoder>(std::make_unique<ZstdEncoder>(level));
}

}  // namespace ctr::storage

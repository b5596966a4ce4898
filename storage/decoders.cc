// gzip by ISA-L (about three times the speed of zlib) or zlib, zstd by libzstd.
#include <fmt/format.h>
#include <zstd.h>

#include "storage/layer_stream.h"

#if CTR_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

namespace ctr::storage {
namespace {

Error broken_gzip() { return {Errc::corrupt, "the gzip data is damaged"}; }
Error trailing_garbage(const char* format) {
  return {Errc::corrupt, fmt::format("bytes that are not {} follow the compressed data", format)};
}

bool is_gzip(const uint8_t* in, size_t size) { return size >= 1 && in[0] == 0x1f && (size < 2 || in[1] == 0x8b); }

#if CTR_HAVE_ISAL

class IsalDecoder final : public Decoder {
 public:
  IsalDecoder() : state_(std::make_unique<inflate_state>()) { begin(); }

  Result<Step> decode(const uint8_t* in, size_t in_size, uint8_t* out, size_t out_size) override {
    // The library does not write through next_in.
    state_->next_in = const_cast<uint8_t*>(in);
    state_->avail_in = static_cast<uint32_t>(in_size);
    state_->next_out = out;
    state_->avail_out = static_cast<uint32_t>(out_size);
    int code = isal_inflate(state_.get());
    if (code != ISAL_DECOMP_OK && code != ISAL_END_INPUT) return broken_gzip();
    return Step{in_size - state_->avail_in, out_size - state_->avail_out, state_->block_state == ISAL_BLOCK_FINISH};
  }

  Result<void> restart(const uint8_t* in, size_t in_size) override {
    if (!is_gzip(in, in_size)) return trailing_garbage("gzip");
    begin();
    return ok();
  }

 private:
  void begin() {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;  // header and checksum belong to the stream
  }
  std::unique_ptr<inflate_state> state_;
};
using GzipDecoder = IsalDecoder;

#else

class ZlibDecoder final : public Decoder {
 public:
  ZlibDecoder() { ready_ = ::inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK; }  // 16: gzip, zlib.h
  ~ZlibDecoder() override { (void)::inflateEnd(&stream_); }
  ZlibDecoder(const ZlibDecoder&) = delete;
  ZlibDecoder& operator=(const ZlibDecoder&) = delete;

  Result<Step> decode(const uint8_t* in, size_t in_size, uint8_t* out, size_t out_size) override {
    if (!ready_) return Error::from_errno("start zlib", ENOMEM);
    stream_.next_in = const_cast<uint8_t*>(in);
    stream_.avail_in = static_cast<uInt>(in_size);
    stream_.next_out = out;
    stream_.avail_out = static_cast<uInt>(out_size);
    int code = ::inflate(&stream_, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return broken_gzip();
    return Step{in_size - stream_.avail_in, out_size - stream_.avail_out, code == Z_STREAM_END};
  }

  Result<void> restart(const uint8_t* in, size_t in_size) override {
    if (!is_gzip(in, in_size)) return trailing_garbage("gzip");
    if (::inflateReset(&stream_) != Z_OK) return broken_gzip();
    return ok();
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};
using GzipDecoder = ZlibDecoder;

#endif

// 128 MiB, the default of zstd's own tools: a frame that wants more is refused by the library.
constexpr int k_zstd_window_log = 27;

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx(), &ZSTD_freeDCtx) {
    if (context_) ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, k_zstd_window_log);
  }

  Result<Step> decode(const uint8_t* in, size_t in_size, uint8_t* out, size_t out_size) override {
    if (!context_) return Error::from_errno("start zstd", ENOMEM);
    ZSTD_inBuffer input{in, in_size, 0};
    ZSTD_outBuffer output{out, out_size, 0};
    size_t left = ZSTD_decompressStream(context_.get(), &output, &input);
    if (ZSTD_isError(left) != 0) {
      return Error(Errc::corrupt, fmt::format("the zstd data is damaged: {}", ZSTD_getErrorName(left)));
    }
    return Step{input.pos, output.pos, left == 0};
  }

  // Frames follow each other without a mark; decode() tells garbage apart by its magic.
  Result<void> restart(const uint8_t*, size_t) override { return ok(); }

 private:
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context_;
};

}  // namespace

Result<std::unique_ptr<Decoder>> make_gzip_decoder() {
  return std::unique_ptr<Decoder>(std::make_unique<GzipDecoder>());
}
Result<std::unique_ptr<Decoder>> make_zstd_decoder() {
  return std::unique_ptr<Decoder>(std::make_unique<ZstdDecoder>());
}

}  // namespace ctr::storage

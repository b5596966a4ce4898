#include "engine/remote_blob.h"

#include <unistd.h>

#include "storage/spool.h"

namespace ctr::engine {
namespace {

class SpoolSink final : public registry::BlobSink {
 public:
  SpoolSink(const Digest& wanted, int file) : wanted_(wanted), file_(file), hasher_(wanted.algorithm()) {}
  uint64_t resume_offset() override { return 0; }
  Result<void> append(std::span<const std::byte> bytes) override {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    hasher_.update(text);
    return write_all(file_, text, "a file for a blob");
  }
  Result<void> restart() override {
    hasher_ = Hasher(wanted_.algorithm());
    if (::ftruncate(file_, 0) < 0 || ::lseek(file_, 0, SEEK_SET) < 0) return Error::from_errno("empty a file");
    return ok();
  }
  Result<void> verify() override {
    const auto found = hasher_.finish();
    if (found == wanted_) return ok();
    return Error(Errc::corrupt, "its digest is " + found.to_string() + ", not " + wanted_.to_string());
  }
  Result<void> commit() override { return ok(); }

 private:
  const Digest& wanted_;
  int file_;
  Hasher hasher_;
};

}  // namespace

Result<size_t> RemoteBlob::read_at(uint64_t offset, std::span<std::byte> buffer) {
  if (!file_.valid()) {
    Fd spool = TRY(storage::make_spool(spool_dir_));
    SpoolSink sink(blob_.digest, spool.get());
    TRY(fetch_({.descriptor = blob_, .sink = &sink, .kind = ProgressSink::BlobKind::layer}));
    file_ = std::move(spool);
  }
  while (true) {
    const ssize_t got = ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return Error::from_errno("read a blob");
  }
}

}  // namespace ctr::engine

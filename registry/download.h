// Blobs on their way in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "registry/session.h"

namespace ctr::registry {

// Takes one blob over as many attempts as it needs, and commits its sink when size and digest are right.
class BlobBody : public CallBody {
 public:
  // `download` and `progress` outlive it; `progress` may be null.
  BlobBody(const BlobDownload& download, ProgressSink* progress);

  // Takes over what the sink holds already. True when that is the whole blob: then it is committed.
  Result<bool> prepare();

  std::vector<std::string> headers() const override;
  Result<void> on_head(const ResponseHead& head) override;
  Result<void> on_bytes(std::span<const std::byte> bytes) override;
  Result<void> on_end() override;
  Result<bool> on_range_refused() override;
  uint64_t progress() const override { return offset_; }

 private:
  Result<void> restart();
  Result<void> finish();
  Result<void> check_range(const ResponseHead& head);

  const BlobDownload& download_;
  ProgressSink* progress_;
  uint64_t offset_ = 0;          // bytes held
  bool has_old_prefix_ = false;  // some of them come from an earlier run
  bool use_range_ = true;
};

// "bytes 5-9/10" → {5, 9, 10}; the total is UINT64_MAX for "*".
struct ContentRange {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t total = 0;
  bool operator==(const ContentRange&) const = default;
};
std::optional<ContentRange> parse_content_range(std::string_view header);

}  // namespace ctr::registry

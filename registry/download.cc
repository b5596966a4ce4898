#include "registry/download.h"

#include <utility>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::registry {
namespace {

Error corrupt(std::string message) { return Error(Errc::corrupt, std::move(message)); }

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view header) {
  constexpr std::string_view k_unit = "bytes ";
  header = trim(header);
  if (!header.starts_with(k_unit)) return std::nullopt;
  const auto whole = split_once(header.substr(k_unit.size()), '/');
  if (!whole) return std::nullopt;
  const auto ends = split_once(whole->first, '-');
  if (!ends) return std::nullopt;
  const auto first = parse_unsigned(ends->first, "range");
  const auto last = parse_unsigned(ends->second, "range");
  const auto total = whole->second == "*" ? Result<uint64_t>(UINT64_MAX) : parse_unsigned(whole->second, "range");
  if (!first || !last || !total || *last < *first || *last >= *total) return std::nullopt;
  return ContentRange{.first = *first, .last = *last, .total = *total};
}

BlobBody::BlobBody(const BlobDownload& download, ProgressSink* progress) : download_(download), progress_(progress) {}

Result<bool> BlobBody::prepare() {
  offset_ = download_.sink->resume_offset();
  if (offset_ > download_.descriptor.size_bytes) {
    TRY(restart());
  } else if (offset_ > 0) {
    has_old_prefix_ = true;
  }
  if (progress_ && offset_ > 0) progress_->blob_advanced(download_.descriptor.digest.to_string(), offset_);
  if (offset_ < download_.descriptor.size_bytes) return false;
  auto finished = finish();
  if (finished) return true;
  // Wrong bytes of an earlier run were dropped: the blob is fetched as a whole.
  if (finished.error().code() == Errc::network) return false;
  return std::move(finished).error();
}

std::vector<std::string> BlobBody::headers() const {
  if (offset_ == 0 || !use_range_) return {};
  return {"Range: bytes=" + std::to_string(offset_) + "-"};
}

Result<void> BlobBody::restart() {
  TRY(download_.sink->restart());
  offset_ = 0;
  has_old_prefix_ = false;
  return ok();
}

Result<void> BlobBody::check_range(const ResponseHead& head) {
  const auto range = parse_content_range(head.header("content-range"));
  const uint64_t size = download_.descriptor.size_bytes;
  const bool fits =
      range && range->first == offset_ && (range->total == size || range->total == UINT64_MAX) && range->last < size;
  if (fits) return ok();
  use_range_ = false;
  TRY(restart());
  return Error(Errc::network, "the registry sent another range ('" + printable(head.header("content-range"), 80) +
                                  "') than it was asked for");
}

Result<void> BlobBody::on_head(const ResponseHead& head) {
  if (head.status == 206) return check_range(head);
  if (head.status != 200) {
    return Error(Errc::network,
                 "the registry answers with status " + std::to_string(head.status) + " instead of the blob");
  }
  const auto length = parse_unsigned(head.header("content-length"), "content-length");
  if (length && *length != download_.descriptor.size_bytes) {
    TRY(restart());
    return corrupt("the registry sends " + std::to_string(*length) + " bytes, but the manifest says " +
                   std::to_string(download_.descriptor.size_bytes));
  }
  return offset_ > 0 ? restart() : ok();
}

Result<void> BlobBody::on_bytes(std::span<const std::byte> bytes) {
  if (bytes.size() > download_.descriptor.size_bytes - offset_) {
    TRY(restart());
    return corrupt("it is longer than the " + std::to_string(download_.descriptor.size_bytes) +
                   " bytes the manifest says");
  }
  TRY(download_.sink->append(bytes));
  offset_ += bytes.size();
  if (progress_) progress_->blob_advanced(download_.descriptor.digest.to_string(), offset_);
  return ok();
}

Result<void> BlobBody::on_end() {
  if (offset_ < download_.descriptor.size_bytes) {
    return Error(Errc::network, "it ended after " + std::to_string(offset_) + " of " +
                                    std::to_string(download_.descriptor.size_bytes) + " bytes");
  }
  return finish();
}

// All bytes are there.
Result<void> BlobBody::finish() {
  auto verified = download_.sink->verify();
  if (verified) {
    TRY(download_.sink->commit());
    if (progress_) progress_->blob_done(download_.descriptor.digest.to_string());
    return ok();
  }
  if (verified.error().code() != Errc::corrupt) return verified;
  const bool was_old = has_old_prefix_;
  TRY(restart());
  if (was_old) return Error(Errc::network, "the part kept from an earlier pull is damaged");
  return verified;
}

Result<bool> BlobBody::on_range_refused() {
  if (offset_ == 0 || !use_range_) return false;
  use_range_ = false;
  TRY(restart());
  return true;
}

}  // namespace ctr::registry

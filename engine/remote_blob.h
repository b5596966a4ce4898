// A blob of a registry as the source of an upload: it is fetched when the other registry wants it, not before.
#pragma once

#include <functional>
#include <optional>

#include "base/fd.h"
#include "base/file.h"
#include "base/oci/descriptor.h"
#include "base/result.h"
#include "registry/blob_sink.h"
#include "registry/client.h"

namespace ctr::engine {

class RemoteBlob final : public registry::BlobSource {
 public:
  // Fetches a blob into a sink. Not the client that uploads: that one is in the middle of a transfer.
  using Fetch = std::function<Result<void>(const registry::BlobDownload& download)>;

  // `spool_dir` must outlive it; the blob lies there in a file without a name.
  RemoteBlob(oci::Descriptor blob, const Dir& spool_dir, Fetch fetch)
      : blob_(std::move(blob)), spool_dir_(spool_dir), fetch_(std::move(fetch)) {}

  // Errors: those of the fetch; corrupt when the bytes are not the blob's.
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> buffer) override;

 private:
  oci::Descriptor blob_;
  const Dir& spool_dir_;
  Fetch fetch_;
  Fd file_;
};

}  // namespace ctr::engine

// Blobs: files named by the digest of their content, in an OCI image layout.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/oci/descriptor.h"
#include "base/result.h"

namespace ctr::storage {

class StoreRoot;

// A blob on its way into the store: the file images/.partial/<alg>-<hex>, held by an exclusive flock.
//
// Bytes that a killed process has written stay there and are found by the next `begin` of the same digest, so that a
// transfer goes on where it stopped. The partial file is removed when the digest is wrong, when the disk is full and by
// discard(); otherwise it stays when this object goes.
//
//   begin() -> size_bytes() -> append()… -> verify() -> Publish::add() -> Publish::commit()
class [[nodiscard]] BlobStaging {
 public:
  BlobStaging(BlobStaging&&) noexcept;
  BlobStaging& operator=(BlobStaging&&) noexcept;
  ~BlobStaging();

  const oci::Descriptor& descriptor() const;
  // Bytes there are so far; the transfer goes on from here.
  uint64_t size_bytes() const;
  // True when the first bytes come from an earlier, interrupted transfer.
  bool is_resumed() const;
  // Adds bytes at the end and to the digest. Errors: corrupt when there are more than the descriptor says, no_space
  // (the partial file is given back to the disk).
  Result<void> append(std::string_view bytes);
  // Forgets everything so far: the source cannot resume, or the resumed prefix turned out to be damaged.
  Result<void> restart();
  // Compares size, then digest. After success the blob can be published or committed.
  // Errors: corrupt, naming both values; the bytes are dropped.
  Result<void> verify();
  // A second, read-only description of the file, for a process that reads while it grows (see unpack.h).
  Result<Fd> open_reader() const;
  // Gives the space back: the content is of no use to a later transfer. The same blob can be started over with
  // append().
  void discard();
  // verify(), fsync of this file alone, rename, fsync of the directory: for a single blob. A pull uses Publish.
  Result<void> commit();

 private:
  friend class BlobStore;
  friend class Publish;
  struct State;
  explicit BlobStaging(std::unique_ptr<State> state);
  Result<void> rename_into_place();
  std::unique_ptr<State> state_;
};

// images/blobs.
class BlobStore {
 public:
  explicit BlobStore(const StoreRoot& root) : root_(&root) {}

  // Whether the own store has it.
  bool has(const Digest& digest) const;
  // What reads looks into the stores of others, too.
  bool is_readable(const Digest& digest) const;
  // nullopt when it is not there.
  Result<std::optional<uint64_t>> find_size(const Digest& digest) const;
  // Opens for reading; content is what was verified when it was published. Errors: not_found.
  Result<Fd> open(const Digest& digest) const;
  // A whole small blob, its digest checked again. Errors: not_found, corrupt, invalid when over `limit_bytes`.
  Result<std::string> read(const Digest& digest, size_t limit_bytes = size_t{4} << 20) const;

  // Starts or resumes one blob; nullopt when the store has it already. Waits while another process transfers the same
  // blob, and then mostly finds it done. Do not call it while holding another BlobStaging or LayerStaging: use
  // begin_all.
  Result<std::optional<BlobStaging>> begin(const oci::Descriptor& descriptor, const CancelToken& cancel = {}) const;
  // begin() for every blob of a pull, answers in the order of `descriptors`. Locks are taken in the order of the
  // digests, so that two pulls with blobs in common never wait for each other in a circle. Equal digests are begun
  // once: the later ones are nullopt.
  Result<std::vector<std::optional<BlobStaging>>> begin_all(const std::vector<oci::Descriptor>& descriptors,
                                                            const CancelToken& cancel = {}) const;
  // Stages a document that is in memory, such as a manifest, already verified. nullopt when the store has it.
  Result<std::optional<BlobStaging>> stage(std::string_view content, const oci::Descriptor& descriptor,
                                           const CancelToken& cancel = {}) const;

  // Moves a damaged blob away, so that it can be fetched again. Missing is fine.
  Result<void> quarantine(const Digest& digest) const;

  // The path of a blob's file, for messages and for programs that read the layout.
  std::string path(const Digest& digest) const;
  // Every blob with its size.
  struct Entry {
    Digest digest;
    uint64_t size_bytes = 0;
    // Another program has put it there within the last hour, and may not have written its entry in the index yet.
    bool is_arriving = false;
  };
  Result<std::vector<Entry>> list() const;
  // Drops partial transfers that nobody holds: those older than seven days, or all.
  enum class Partials { expired, all };
  Result<void> drop_partials(Partials which) const;

 private:
  friend class ImageStore;
  const StoreRoot* root_with(const Digest& digest) const;
  Result<void> remove(const Digest& digest) const;
  const StoreRoot* root_;
};

}  // namespace ctr::storage

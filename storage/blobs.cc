#include "storage/blobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <numeric>

#include "storage/quarantine.h"
#include "storage/root.h"

namespace ctr::storage {
namespace {

constexpr size_t k_read_bytes = size_t{256} << 10;
// How long an interrupted transfer is kept for the next one.
constexpr std::chrono::hours k_partial_life{7 * 24};
constexpr time_t k_arrival_seconds = 3600;

Area blob_area(const Digest& digest) {
  return digest.algorithm() == DigestAlgorithm::sha256 ? Area::blobs_sha256 : Area::blobs_sha512;
}

std::string partial_name(const Digest& digest) { return std::string(digest.algorithm_name()) + "-" + digest.hex(); }

// What others write is readable for others, unlike files of ours; there is no pin that would say so.
bool is_arriving(const struct stat& blob) {
  return (blob.st_mode & (S_IRGRP | S_IROTH)) != 0 && std::time(nullptr) - blob.st_mtim.tv_sec < k_arrival_seconds;
}

Result<uint64_t> file_size(int fd, std::string_view what) {
  struct stat info{};
  if (::fstat(fd, &info) < 0) return Error::from_errno("stat " + std::string(what));
  return static_cast<uint64_t>(info.st_size);
}

Result<void> hash_prefix(int fd, uint64_t size_bytes, Hasher& hasher, std::string_view what) {
  std::vector<char> buffer(std::min<uint64_t>(k_read_bytes, size_bytes));
  for (uint64_t offset = 0; offset < size_bytes;) {
    size_t wanted = std::min<uint64_t>(buffer.size(), size_bytes - offset);
    ssize_t got = ::pread(fd, buffer.data(), wanted, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno("read " + std::string(what));
    if (got == 0) return Error(Errc::io, std::string(what) + " became shorter while it was read");
    hasher.update(buffer.data(), static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return ok();
}

}  // namespace

struct BlobStaging::State {
  const StoreRoot* root;
  oci::Descriptor descriptor;
  std::string name;
  FileLock lock;  // its descriptor is the partial file itself
  uint64_t size_bytes = 0;
  Hasher hasher;
  bool resumed = false;
  bool verified = false;
  bool published = false;

  int fd() const { return lock.fd(); }
  std::string what() const { return "blob '" + descriptor.digest.to_string() + "'"; }
  Result<void> remove_partial() {
    const Dir* partials = TRY(root->area(Area::partials));
    return partials->remove_file(name);
  }
};

BlobStaging::BlobStaging(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlobStaging::BlobStaging(BlobStaging&&) noexcept = default;
BlobStaging& BlobStaging::operator=(BlobStaging&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

BlobStaging::~BlobStaging() {
  // Nothing worth resuming: leave no empty file behind.
  if (state_ && state_->size_bytes == 0 && !state_->published) {
    state_->remove_partial().ignore("drop_partials removes it later");
  }
}

const oci::Descriptor& BlobStaging::descriptor() const { return state_->descriptor; }
uint64_t BlobStaging::size_bytes() const { return state_->size_bytes; }
bool BlobStaging::is_resumed() const { return state_->resumed; }

Result<void> BlobStaging::append(std::string_view bytes) {
  CTR_ASSERT(!state_->verified);
  if (bytes.size() > state_->descriptor.size_bytes - state_->size_bytes) {
    discard();
    return Error(Errc::corrupt, fmt::format("{} is longer than the {} bytes announced", state_->what(),
                                            state_->descriptor.size_bytes));
  }
  uint64_t offset = state_->size_bytes;
  for (std::string_view rest = bytes; !rest.empty();) {
    ssize_t written = ::pwrite(state_->fd(), rest.data(), rest.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      Error error = Error::from_errno("write " + state_->what());
      if (error.code() == Errc::no_space) discard();
      return error;
    }
    rest.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  state_->hasher.update(bytes);
  state_->size_bytes = offset;
  return ok();
}

Result<void> BlobStaging::restart() {
  if (::ftruncate(state_->fd(), 0) < 0) return Error::from_errno("truncate " + state_->what());
  state_->size_bytes = 0;
  state_->hasher = Hasher(state_->descriptor.digest.algorithm());
  state_->resumed = false;
  state_->verified = false;
  return ok();
}

Result<void> BlobStaging::verify() {
  if (state_->verified) return ok();
  const auto& wanted = state_->descriptor;
  if (state_->size_bytes != wanted.size_bytes) {
    uint64_t got = state_->size_bytes;
    discard();
    return Error(Errc::corrupt,
                 fmt::format("{} has {} bytes, not the {} announced", state_->what(), got, wanted.size_bytes));
  }
  Digest got = state_->hasher.finish();
  if (got != wanted.digest) {
    discard();
    return Error(Errc::corrupt, fmt::format("the content of {} has the digest '{}'", state_->what(), got.to_string()));
  }
  state_->verified = true;
  return ok();
}

Result<Fd> BlobStaging::open_reader() const {
  // Opened anew, since a duplicate would share the lock and the access mode.
  return open_path("/proc/self/fd/" + std::to_string(state_->fd()), O_RDONLY);
}

void BlobStaging::discard() {
  // Truncated, so that the space is given back even while a reader has it open; the destructor removes the empty file.
  restart().ignore("a damaged partial file is found by its digest, and dropped by the next transfer");
}

Result<void> BlobStaging::rename_into_place() {
  CTR_ASSERT(state_->verified);
  const Dir* partials = TRY(state_->root->area(Area::partials));
  const Dir* blobs = TRY(state_->root->area(blob_area(state_->descriptor.digest)));
  TRY(partials->rename(state_->name, *blobs, state_->descriptor.digest.hex()));
  state_->published = true;
  return ok();
}

Result<void> BlobStaging::commit() {
  TRY(verify());
  if (::fsync(state_->fd()) < 0) return Error::from_errno("sync " + state_->what());
  TRY(rename_into_place());
  return TRY(state_->root->area(blob_area(state_->descriptor.digest)))->sync();
}

bool BlobStore::has(const Digest& digest) const {
  auto area = root_->find_area(blob_area(digest));
  return area && *area != nullptr && (*area)->exists(digest.hex());
}

const StoreRoot* BlobStore::root_with(const Digest& digest) const {
  if (has(digest)) return root_;
  for (const auto& other : root_->others()) {
    if (BlobStore(*other).has(digest)) return other.get();
  }
  return nullptr;
}

bool BlobStore::is_readable(const Digest& digest) const { return root_with(digest) != nullptr; }

Result<std::optional<uint64_t>> BlobStore::find_size(const Digest& digest) const {
  const auto* root = root_with(digest);
  const Dir* dir = root == nullptr ? nullptr : TRY(root->find_area(blob_area(digest)));
  if (dir == nullptr) return std::optional<uint64_t>();
  auto info = TRY(dir->find(digest.hex()));
  if (!info) return std::optional<uint64_t>();
  return std::optional(static_cast<uint64_t>(info->st_size));
}

Result<Fd> BlobStore::open(const Digest& digest) const {
  const auto what = "blob '" + digest.to_string() + "'";
  const Dir* dir = TRY(root_->find_area(blob_area(digest)));
  auto file = dir == nullptr ? Result<Fd>(Error(Errc::not_found, "No such file or directory").with_sys(ENOENT))
                             : dir->open_file(digest.hex(), O_RDONLY | O_NONBLOCK);  // a store of others may hold FIFOs
  if (file || file.error().sys() != ENOENT) return std::move(file).context(what);
  for (const auto& other : root_->others()) {
    if (BlobStore(*other).has(digest)) return BlobStore(*other).open(digest);
  }
  return std::move(file).context(what);
}

Result<std::string> BlobStore::read(const Digest& digest, size_t limit_bytes) const {
  std::string what = "blob '" + digest.to_string() + "'";
  Fd file = TRY(open(digest));
  std::string content = TRY(read_all(file.get(), limit_bytes, what));
  if (digest_of(content, digest.algorithm()) != digest) {
    return Error(Errc::corrupt, what + " in the store is damaged").with_hint("pull the image again");
  }
  return content;
}

Result<std::optional<BlobStaging>> BlobStore::begin(const oci::Descriptor& descriptor,
                                                    const CancelToken& cancel) const {
  if (has(descriptor.digest)) return std::optional<BlobStaging>();
  const Dir* partials = TRY(root_->area(Area::partials));
  std::string name = partial_name(descriptor.digest);
  std::string what = "blob '" + descriptor.digest.to_string() + "'";
  while (true) {
    Fd file = TRY(partials->open_file(name, O_RDWR | O_CREAT, 0600));
    FileLock lock = TRY(root_->lock_open(std::move(file), LockMode::exclusive, cancel, what));
    // Whoever held it may have published or dropped it: then this is a file without a name.
    struct stat mine{};
    if (::fstat(lock.fd(), &mine) < 0) return Error::from_errno("stat " + what);
    if (has(descriptor.digest)) {
      if (mine.st_nlink > 0) partials->remove_file(name).ignore("drop_partials removes it later");
      return std::optional<BlobStaging>();
    }
    if (mine.st_nlink == 0) continue;
    auto state = std::make_unique<BlobStaging::State>(
        BlobStaging::State{root_, descriptor, name, std::move(lock), 0, Hasher(descriptor.digest.algorithm())});
    uint64_t there = TRY(file_size(state->fd(), what));
    if (there > descriptor.size_bytes) {
      if (::ftruncate(state->fd(), 0) < 0) return Error::from_errno("truncate " + what);
      there = 0;
    }
    TRY(hash_prefix(state->fd(), there, state->hasher, what));
    state->size_bytes = there;
    state->resumed = there > 0;
    return std::optional(BlobStaging(std::move(state)));
  }
}

Result<std::vector<std::optional<BlobStaging>>> BlobStore::begin_all(const std::vector<oci::Descriptor>& descriptors,
                                                                     const CancelToken& cancel) const {
  std::vector<size_t> order(descriptors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return descriptors[a].digest < descriptors[b].digest; });
  std::vector<std::optional<BlobStaging>> begun(descriptors.size());
  const Digest* previous = nullptr;
  for (size_t index : order) {
    const Digest& digest = descriptors[index].digest;
    if (previous == nullptr || *previous != digest) begun[index] = TRY(begin(descriptors[index], cancel));
    previous = &digest;
  }
  return begun;
}

Result<std::optional<BlobStaging>> BlobStore::stage(std::string_view content, const oci::Descriptor& descriptor,
                                                    const CancelToken& cancel) const {
  auto staging = TRY(begin(descriptor, cancel));
  if (!staging) return staging;
  TRY(staging->restart());
  TRY(staging->append(content));
  TRY(staging->verify());
  return staging;
}

std::string BlobStore::path(const Digest& digest) const {
  return root_->area_path(blob_area(digest)) + "/" + digest.hex();
}

Result<std::vector<BlobStore::Entry>> BlobStore::list() const {
  std::vector<Entry> entries;
  for (auto [area, algorithm] : {std::pair(Area::blobs_sha256, "sha256:"), std::pair(Area::blobs_sha512, "sha512:")}) {
    const Dir* dir = TRY(root_->find_area(area));
    if (dir == nullptr) continue;
    for (const auto& name : TRY(dir->list())) {
      auto digest = Digest::parse(algorithm + name);
      auto info = TRY(dir->find(name));
      if (!digest || !info) continue;
      entries.push_back({std::move(*digest), static_cast<uint64_t>(info->st_size), is_arriving(*info)});
    }
  }
  return entries;
}

Result<void> BlobStore::drop_partials(Partials which) const {
  const Dir* partials = TRY(root_->find_area(Area::partials));
  if (partials == nullptr) return ok();
  std::time_t oldest = std::time(nullptr) - std::chrono::duration_cast<std::chrono::seconds>(k_partial_life).count();
  for (const auto& name : TRY(partials->list())) {
    auto info = TRY(partials->find(name));
    if (!info || (which == Partials::expired && info->st_mtim.tv_sec > oldest)) continue;
    auto file = partials->open_file(name, O_RDWR);
    if (!file || !TRY(try_flock(file->get(), LockMode::exclusive, "'" + name + "'"))) continue;
    struct stat mine{};
    if (::fstat(file->get(), &mine) == 0 && mine.st_nlink > 0) {
      partials->remove_file(name).ignore("it may have been published in between");
    }
  }
  return ok();
}

Result<void> BlobStore::quarantine(const Digest& digest) const {
  const Dir* dir = TRY(root_->find_area(blob_area(digest)));
  return dir == nullptr ? ok() : Quarantine(*root_).take(*dir, digest.hex(), "blob-" + digest.hex());
}

Result<void> BlobStore::remove(const Digest& digest) const {
  const Dir* dir = TRY(root_->find_area(blob_area(digest)));
  if (dir == nullptr) return ok();
  auto removed = dir->remove_file(digest.hex());
  if (!removed && removed.error().sys() == ENOENT) return ok();
  return removed;
}

}  // namespace ctr::storage

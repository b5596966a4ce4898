#include "storage/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/text.h"

namespace ctr::storage {

struct TarReader::State {
  LayerStream* stream;
  UnpackLimits limits;
  struct archive* archive = nullptr;
  TarEntry entry;
  bool is_empty = false;
  std::optional<Error> stream_error;  // libarchive carries only a number and words

  State(LayerStream& stream_in, const UnpackLimits& limits_in) : stream(&stream_in), limits(limits_in) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (archive != nullptr) (void)::archive_read_free(archive);
  }

  static la_ssize_t read(struct archive* archive, void* self, const void** buffer) {
    auto* state = static_cast<State*>(self);
    auto bytes = state->stream->next();
    if (!bytes) {
      state->stream_error = std::move(bytes).error();
      ::archive_set_error(archive, EIO, "stream");
      return -1;
    }
    *buffer = bytes->data();
    return static_cast<la_ssize_t>(bytes->size());
  }

  Error failure() {
    if (stream_error) return *std::exchange(stream_error, std::nullopt);
    const char* words = ::archive_error_string(archive);
    return {Errc::corrupt,
            fmt::format("the tar of the layer is damaged: {}", printable(words == nullptr ? "" : words))};
  }
};

namespace {

TarEntry::Type type_of(struct archive_entry* raw) {
  if (::archive_entry_hardlink(raw) != nullptr) return TarEntry::Type::hardlink;
  switch (::archive_entry_filetype(raw)) {
    case AE_IFREG:
      return TarEntry::Type::file;
    case AE_IFDIR:
      return TarEntry::Type::directory;
    case AE_IFLNK:
      return TarEntry::Type::symlink;
    case AE_IFIFO:
      return TarEntry::Type::fifo;
    case AE_IFCHR:
    case AE_IFBLK:
      return TarEntry::Type::device;
    default:
      return TarEntry::Type::other;
  }
}

Error over_limit(const TarEntry& entry, std::string_view what, uint64_t value, uint64_t limit) {
  return {Errc::invalid,
          fmt::format("'{}' has {} of {} bytes, over the limit of {}", printable(entry.path), what, value, limit)};
}

Result<void> read_xattrs(struct archive_entry* raw, const UnpackLimits& limits, TarEntry& entry) {
  entry.xattrs.clear();
  uint64_t total = 0;
  ::archive_entry_xattr_reset(raw);
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (::archive_entry_xattr_next(raw, &name, &value, &size) == ARCHIVE_OK) {
    if (name == nullptr) continue;
    if (size > limits.xattr_value_bytes)
      return over_limit(entry, "an extended attribute", size, limits.xattr_value_bytes);
    std::string_view bytes(static_cast<const char*>(value), value == nullptr ? 0 : size);
    entry.xattrs.push_back({name, std::string(bytes)});
    total += size + entry.xattrs.back().name.size();
    if (total > limits.xattr_total_bytes)
      return over_limit(entry, "extended attributes", total, limits.xattr_total_bytes);
  }
  return ok();
}

Result<void> fill(struct archive_entry* raw, const UnpackLimits& limits, TarEntry& entry) {
  const char* path = ::archive_entry_pathname(raw);
  if (path == nullptr) return Error(Errc::corrupt, "the tar of the layer has an entry without a name");
  entry.path = path;
  if (entry.path.size() > limits.path_bytes) return over_limit(entry, "a path", entry.path.size(), limits.path_bytes);
  entry.type = type_of(raw);
  const char* target = nullptr;
  if (entry.type == TarEntry::Type::hardlink) target = ::archive_entry_hardlink(raw);
  if (entry.type == TarEntry::Type::symlink) target = ::archive_entry_symlink(raw);
  entry.target = target == nullptr ? "" : target;
  entry.mode = static_cast<uint32_t>(::archive_entry_perm(raw)) & 07777;
  entry.uid = ::archive_entry_uid(raw);
  entry.gid = ::archive_entry_gid(raw);
  entry.mtime_seconds = ::archive_entry_mtime(raw);
  long nanoseconds = ::archive_entry_mtime_nsec(raw);
  entry.mtime_nanoseconds = nanoseconds < 0 || nanoseconds > 999'999'999 ? 0 : static_cast<uint32_t>(nanoseconds);
  int64_t size = ::archive_entry_size(raw);
  if (size < 0) return Error(Errc::corrupt, fmt::format("'{}' has a negative size", printable(entry.path)));
  entry.size_bytes = static_cast<uint64_t>(size);
  return read_xattrs(raw, limits, entry);
}

}  // namespace

TarReader::TarReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TarReader::TarReader(TarReader&&) noexcept = default;
TarReader& TarReader::operator=(TarReader&&) noexcept = default;
TarReader::~TarReader() = default;

Result<TarReader> TarReader::open(LayerStream& stream, const UnpackLimits& limits) {
  auto state = std::make_unique<State>(stream, limits);
  state->archive = ::archive_read_new();
  if (state->archive == nullptr) return Error::from_errno("start libarchive", ENOMEM);
  // tar alone, and no filters: the other readers of the library are where its vulnerabilities were.
  if (::archive_read_support_format_tar(state->archive) != ARCHIVE_OK) return state->failure();
  if (::archive_read_open(state->archive, state.get(), nullptr, &State::read, nullptr) != ARCHIVE_OK) {
    // No byte at all is an archive without entries, as an empty one is.
    if (state->stream_error || stream.size_bytes() > 0) return state->failure();
    state->is_empty = true;
  }
  return TarReader(std::move(state));
}

Result<const TarEntry*> TarReader::next() {
  if (state_->is_empty) return nullptr;
  struct archive_entry* raw = nullptr;
  int code = ::archive_read_next_header(state_->archive, &raw);
  if (code == ARCHIVE_EOF) return nullptr;
  // A warning is about names that are not UTF-8, which are kept byte for byte.
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return state_->failure();
  TRY(fill(raw, state_->limits, state_->entry));
  return &state_->entry;
}

Result<std::optional<TarReader::Piece>> TarReader::next_piece() {
  const void* buffer = nullptr;
  size_t size = 0;
  la_int64_t offset = 0;
  int code = ::archive_read_data_block(state_->archive, &buffer, &size, &offset);
  if (code == ARCHIVE_EOF) return std::optional<Piece>();
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return state_->failure();
  if (offset < 0) return Error(Errc::corrupt, "a sparse file of the layer begins before its start");
  return std::optional(Piece{static_cast<uint64_t>(offset), std::string_view(static_cast<const char*>(buffer), size)});
}

}  // namespace ctr::storage

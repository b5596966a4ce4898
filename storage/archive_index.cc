#include "storage/archive_index.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include "base/fd.h"
#include "base/text.h"
#include "storage/plain_archive.h"
#include "storage/unpack.h"

namespace ctr::storage {
namespace {

// Reads the headers of a tar file and skips what is between them.
class TarCursor {
 public:
  TarCursor(int fd, uint64_t size_bytes) : fd_(fd), size_bytes_(size_bytes) {}
  TarCursor(const TarCursor&) = delete;
  TarCursor& operator=(const TarCursor&) = delete;
  ~TarCursor() {
    if (archive_ != nullptr) (void)::archive_read_free(archive_);
  }

  Result<void> open() {
    archive_ = ::archive_read_new();
    if (archive_ == nullptr) return Error::from_errno("start libarchive", ENOMEM);
    // tar alone, and no filters: the other readers of the library are where its vulnerabilities were.
    if (::archive_read_support_format_tar(archive_) != ARCHIVE_OK ||
        ::archive_read_set_read_callback(archive_, &TarCursor::read) != ARCHIVE_OK ||
        ::archive_read_set_skip_callback(archive_, &TarCursor::skip) != ARCHIVE_OK ||
        ::archive_read_set_callback_data(archive_, this) != ARCHIVE_OK ||
        ::archive_read_open1(archive_) != ARCHIVE_OK) {
      return failure();
    }
    return ok();
  }

  // nullptr at the end.
  Result<struct archive_entry*> next() {
    struct archive_entry* entry = nullptr;
    const int code = ::archive_read_next_header(archive_, &entry);
    if (code == ARCHIVE_EOF) return nullptr;
    // A warning is about names that are not UTF-8, which are kept byte for byte.
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return failure();
    return entry;
  }

  // Where the content of the entry that next() gave begins: the library has consumed its headers and nothing more.
  uint64_t content_offset() const { return static_cast<uint64_t>(::archive_filter_bytes(archive_, 0)); }

 private:
  static la_ssize_t read(struct archive* archive, void* self, const void** buffer) {
    auto* cursor = static_cast<TarCursor*>(self);
    ssize_t got = -1;
    do {
      got = ::pread(cursor->fd_, cursor->buffer_.data(), cursor->buffer_.size(), static_cast<off_t>(cursor->offset_));
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
      ::archive_set_error(archive, errno, "read the archive");
      return -1;
    }
    cursor->offset_ += static_cast<uint64_t>(got);
    *buffer = cursor->buffer_.data();
    return got;
  }

  static la_int64_t skip(struct archive*, void* self, la_int64_t wanted) {
    auto* cursor = static_cast<TarCursor*>(self);
    const uint64_t left = cursor->size_bytes_ - std::min(cursor->offset_, cursor->size_bytes_);
    const uint64_t skipped = std::min(static_cast<uint64_t>(std::max<la_int64_t>(wanted, 0)), left);
    cursor->offset_ += skipped;
    return static_cast<la_int64_t>(skipped);
  }

  Error failure() const {
    const char* words = ::archive_error_string(archive_);
    return {Errc::corrupt, fmt::format("it is no tar archive: {}", printable(words == nullptr ? "" : words))};
  }

  int fd_;
  uint64_t size_bytes_;
  uint64_t offset_ = 0;
  std::array<char, size_t{32} << 10> buffer_{};
  struct archive* archive_ = nullptr;
};

Error refused(std::string_view path, std::string_view why) {
  return {Errc::corrupt, fmt::format("'{}' in the archive {}", printable(path), why)};
}

// A path of the archive without "." and empty parts. `base`: the directory that a relative one starts from.
Result<std::string> resolve_path(std::string_view path, std::string_view base, std::string_view named) {
  if (path.starts_with('/')) return refused(named, "has an absolute path");
  std::vector<std::string> parts;
  for (const auto text : {base, path}) {
    for (auto& part : split(text, '/')) {
      if (part.empty() || part == ".") continue;
      if (part != "..") {
        parts.push_back(std::move(part));
        continue;
      }
      if (parts.empty()) return refused(named, "leads out of it with '..'");
      parts.pop_back();
    }
  }
  return join(parts, "/");
}

std::string_view parent_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

// One entry as a member; nullopt for directories.
Result<std::optional<ArchiveMember>> read_member(struct archive_entry* entry, uint64_t offset) {
  const char* name = ::archive_entry_pathname(entry);
  if (name == nullptr) return Error(Errc::corrupt, "the archive has an entry without a name");
  const auto parts = split(name, '/');
  if (std::find(parts.begin(), parts.end(), "..") != parts.end()) return refused(name, "has '..' in its path");
  ArchiveMember member{.path = TRY(resolve_path(name, "", name)), .link = {}, .offset = offset};
  if (const char* target = ::archive_entry_hardlink(entry); target != nullptr) {
    member.link = TRY(resolve_path(target, "", name));
    return std::optional(member);
  }
  switch (::archive_entry_filetype(entry)) {
    case AE_IFDIR:
      return std::optional<ArchiveMember>();
    case AE_IFLNK: {
      const char* target = ::archive_entry_symlink(entry);
      member.link = TRY(resolve_path(target == nullptr ? "" : target, parent_of(member.path), name));
      return std::optional(member);
    }
    case AE_IFREG:
      break;
    default:
      return refused(name, "is neither a file, a directory nor a link");
  }
  if (::archive_entry_sparse_count(entry) > 0) {
    return Error(Errc::unsupported, fmt::format("'{}' in the archive is a sparse file", printable(name)))
        .with_hint("make the archive without tar's option --sparse");
  }
  member.size_bytes = static_cast<uint64_t>(std::max<la_int64_t>(::archive_entry_size(entry), 0));
  return std::optional(member);
}

Result<std::vector<ArchiveMember>> list_members(int fd, const ArchiveLimits& limits) {
  struct stat info{};
  if (::fstat(fd, &info) < 0) return Error::from_errno("stat the archive");
  const auto size = static_cast<uint64_t>(info.st_size);
  auto cursor = std::make_unique<TarCursor>(fd, size);
  TRY(cursor->open());
  std::vector<ArchiveMember> members;
  std::set<std::string> seen;
  uint64_t entries = 0;
  uint64_t name_bytes = 0;
  while (struct archive_entry* entry = TRY(cursor->next())) {
    if (++entries > limits.members) {
      return Error(Errc::invalid, fmt::format("the archive has more entries than the limit of {}", limits.members));
    }
    auto member = TRY(read_member(entry, cursor->content_offset()));
    if (!member) continue;
    const uint64_t longest = std::max(member->path.size(), member->link.size());
    name_bytes += member->path.size() + member->link.size();
    if (longest > limits.path_bytes || name_bytes > limits.name_bytes) {
      return Error(Errc::invalid, fmt::format("paths in the archive are longer than the limit of {} bytes each and {} "
                                              "bytes together",
                                              limits.path_bytes, limits.name_bytes));
    }
    if (member->offset > size || member->size_bytes > size - member->offset) {
      return refused(member->path, "is cut off");
    }
    if (!seen.insert(member->path).second) return refused(member->path, "is there twice");
    members.push_back(std::move(*member));
  }
  return members;
}

// True for a file that can be read at any offset and holds a plain tar.
Result<bool> can_be_read_in_place(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) < 0) return Error::from_errno("stat the archive");
  if (!S_ISREG(info.st_mode)) return false;
  std::array<char, 6> head{};
  const ssize_t got = ::pread(fd, head.data(), head.size(), 0);
  if (got < 0) return Error::from_errno("read the archive");
  return compression_of({head.data(), static_cast<size_t>(got)}) == Compression::none;
}

}  // namespace

Result<ArchiveListing> index_archive(int input_fd, int spool_fd, const ArchiveLimits& limits) {
  ArchiveListing listing;
  listing.is_spooled = !TRY(can_be_read_in_place(input_fd));
  if (listing.is_spooled) {
    (void)TRY(write_plain_archive(input_fd, spool_fd, limits.stream_bytes, "write the archive to the store"));
  }
  listing.members = TRY(list_members(listing.is_spooled ? spool_fd : input_fd, limits));
  return listing;
}

}  // namespace ctr::storage

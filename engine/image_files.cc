#include "engine/image_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "engine/confined_worker.h"
#include "storage/spool.h"

namespace ctr::engine {
namespace {

// Links of an archive lead to files, rarely to another link.
constexpr int k_most_links = 8;

class DirectoryFiles final : public ImageFiles {
 public:
  explicit DirectoryFiles(Dir dir) : dir_(std::move(dir)) {}

  Result<std::optional<FileSpan>> find(std::string_view name) const override {
    auto file = dir_.open_file(name, O_RDONLY | O_NONBLOCK);
    if (!file && (file.error().sys() == ENOENT || file.error().sys() == ENOTDIR)) return std::optional<FileSpan>();
    FileSpan span{.file = TRY(std::move(file))};
    struct stat info{};
    if (::fstat(span.file.get(), &info) < 0) return Error::from_errno("stat '" + printable(name) + "'");
    if (!S_ISREG(info.st_mode)) return Error(Errc::corrupt, "'" + printable(name) + "' is not a regular file");
    span.size_bytes = static_cast<uint64_t>(info.st_size);
    return std::optional(std::move(span));
  }

 private:
  Dir dir_;
};

class ArchiveFiles final : public ImageFiles {
 public:
  ArchiveFiles(Fd file, std::vector<storage::ArchiveMember> members) : file_(std::move(file)) {
    for (auto& member : members) {
      std::string path = member.path;
      members_.emplace(std::move(path), std::move(member));
    }
  }

  Result<std::optional<FileSpan>> find(std::string_view name) const override {
    auto member = members_.find(name);
    for (int links = 0; member != members_.end() && !member->second.link.empty(); ++links) {
      if (links == k_most_links) return Error(Errc::corrupt, "'" + printable(name) + "' is a link in a circle");
      member = members_.find(member->second.link);
    }
    if (member == members_.end()) return std::optional<FileSpan>();
    return std::optional(FileSpan{
        .file = TRY(file_.duplicate()), .offset = member->second.offset, .size_bytes = member->second.size_bytes});
  }

 private:
  Fd file_;
  std::map<std::string, storage::ArchiveMember, std::less<>> members_;
};

}  // namespace

Result<FileSpan> ImageFiles::get(std::string_view name) const {
  auto span = TRY(find(name));
  if (!span) return Error(Errc::not_found, "there is no file '" + printable(name) + "'");
  return std::move(*span);
}

Result<std::string> ImageFiles::read(std::string_view name, size_t limit_bytes) const {
  const auto span = TRY(get(name));
  if (span.size_bytes > limit_bytes) {
    return Error(Errc::invalid,
                 fmt::format("'{}' has {} bytes, over the limit of {}", printable(name), span.size_bytes, limit_bytes));
  }
  std::string text(span.size_bytes, '\0');
  size_t filled = 0;
  while (filled < text.size()) {
    const auto got = TRY(read_span(span, filled, std::as_writable_bytes(std::span(text).subspan(filled))));
    if (got == 0) return Error(Errc::corrupt, "'" + printable(name) + "' is cut off");
    filled += got;
  }
  return text;
}

Result<std::optional<std::string>> ImageFiles::read_if_there(std::string_view name) const {
  if (!TRY(find(name))) return std::optional<std::string>();
  return std::optional(TRY(read(name)));
}

Result<size_t> read_span(const FileSpan& span, uint64_t at, std::span<std::byte> buffer) {
  const size_t wanted = std::min<uint64_t>(buffer.size(), span.size_bytes - std::min(at, span.size_bytes));
  while (true) {
    const ssize_t got = ::pread(span.file.get(), buffer.data(), wanted, static_cast<off_t>(span.offset + at));
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return Error::from_errno("read a file of the image");
  }
}

Result<std::unique_ptr<ImageFiles>> open_directory_files(const std::string& path) {
  return std::unique_ptr<ImageFiles>(std::make_unique<DirectoryFiles>(TRY(Dir::open(path))));
}

Result<std::unique_ptr<ImageFiles>> open_archive_files(const runtime::HostFacts& host, Fd archive, const Dir& spool_dir,
                                                       const CancelToken& cancel) {
  Fd spool = TRY(storage::make_spool(spool_dir));
  const storage::SpoolRequest request{
      .input_fd = k_worker_first_fd, .spool_fd = k_worker_first_fd + 1, .answer_fd = k_worker_answer_fd};
  auto worker = TRY(ConfinedWorker::start(host, "index", storage::to_json(request),
                                          {{archive.get(), request.input_fd}, {spool.get(), request.spool_fd}}));
  auto listing = TRY(storage::index_answer_from_json(TRY(worker.finish(cancel, storage::k_index_answer_limits))));
  Fd content = listing.is_spooled ? std::move(spool) : std::move(archive);
  return std::unique_ptr<ImageFiles>(std::make_unique<ArchiveFiles>(std::move(content), std::move(listing.members)));
}

}  // namespace ctr::engine

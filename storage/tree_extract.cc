#include <fcntl.h>
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "storage/entry_rules.h"
#include "storage/layer_stream.h"
#include "storage/tar_reader.h"
#include "storage/tree_archive.h"
#include "storage/tree_writer.h"

namespace ctr::storage {
namespace {

// What the destination is: a directory, or a name in one.
struct Destination {
  Dir dir;
  std::string name;                   // empty: `dir` itself is meant
  std::optional<struct stat> status;  // of `name`, when it is there
};

Error not_found(const ExtractJob& job) {
  return {Errc::not_found,
          fmt::format("\"{}\" could not be found on {}: no such file or directory", printable(job.path), job.owner)};
}

Result<Dir> open_place(const Dir& root, const ExtractJob& job, const std::string& path) {
  auto place = root.open_in_root("./" + path, O_RDONLY | O_DIRECTORY);
  if (!place && (place.error().sys() == ENOENT || place.error().sys() == ENOTDIR)) return not_found(job);
  return Dir(TRY(std::move(place)), path);
}

// A link at the end of the path that leads to a directory is followed; every other one is a name that can be replaced.
// Source: what podman does.
Result<Destination> find_destination(const Dir& root, const ExtractJob& job) {
  auto directory = root.open_in_root("./" + job.path, O_RDONLY | O_DIRECTORY);
  if (directory) return Destination{Dir(std::move(*directory), job.path), "", {}};
  const int sys = directory.error().sys();
  if (sys != ENOENT && sys != ENOTDIR && sys != ELOOP) return std::move(directory).error();
  std::string path = job.path;
  while (path.ends_with('/')) path.pop_back();
  const auto slash = path.rfind('/');
  const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  if (name.empty() || name == "." || name == "..") return not_found(job);
  auto dir = TRY(open_place(root, job, slash == std::string::npos ? "" : path.substr(0, slash)));
  auto status = TRY(dir.find(name));
  return Destination{std::move(dir), name, status};
}

// The name of the root entry in `to.dir`; empty: what is in it goes there. `source`: what it is called in the tar.
Result<std::string> root_name(const Destination& to, const ExtractJob& job, bool is_directory,
                              const std::string& source = ".") {
  if (job.source == ExtractJob::Source::archive) {
    if (!to.name.empty()) {
      return Error(Errc::invalid, "destination must be a directory when copying from stdin");
    }
    return std::string();
  }
  if (to.name.empty()) return source == "." || job.name.empty() ? job.name : source;
  if (to.status && is_directory) {
    return Error(Errc::invalid, "destination must be a directory when copying a directory");
  }
  if (to.status && !S_ISREG(to.status->st_mode) && !S_ISLNK(to.status->st_mode)) {
    return Error(Errc::invalid,
                 fmt::format("\"{}\" on {} must be a directory or a regular file", printable(job.path), job.owner));
  }
  if (!to.status && job.path.ends_with('/')) return not_found(job);
  return to.name;
}

// What the root entry of a copy is called.
Result<std::string> name_of_root(const TarEntry& entry) {
  auto name = entry.path;
  while (name.ends_with('/')) name.pop_back();
  if (!name.empty() && name != ".." && name.find('/') == std::string::npos) return name;
  return Error(Errc::corrupt, "'" + printable(entry.path) + "' is no name for what is copied");
}

class Extractor {
 public:
  // `source`: what the root entry is called in the tar; `root`: what it is to be called.
  Extractor(const ExtractJob& job, const Dir& target, const UnpackOptions& options, std::string source,
            std::string root)
      : job_(job), source_(std::move(source)), root_(std::move(root)), writer_(target, options) {}

  Result<void> write(const TarEntry& from, TarReader& tar) {
    TarEntry entry = from;
    if (job_.source == ExtractJob::Source::copy) {
      entry.path = moved(entry.path);
      if (entry.type == TarEntry::Type::hardlink) entry.target = moved(entry.target);
    }
    if (job_.uid) entry.uid = *job_.uid;
    if (job_.gid) entry.gid = *job_.gid;
    if (job_.drop_set_id && entry.type == TarEntry::Type::file) entry.mode &= ~static_cast<uint32_t>(S_ISUID | S_ISGID);
    // The directory that is copied into is there: it keeps its status.
    if (entry.type == TarEntry::Type::directory && TRY(is_root(entry.path))) return ok();
    return writer_.write(entry, tar);
  }
  Result<void> finish() { return writer_.finish(); }

 private:
  // "./a" below the name of the root entry.
  std::string moved(const std::string& path) const {
    const auto rest = path.starts_with(source_) ? path.substr(source_.size()) : path;
    return root_.empty() && rest.empty() ? "." : root_ + rest;
  }
  static Result<bool> is_root(const std::string& path) { return TRY(clean_entry_path(path)).empty(); }

  const ExtractJob& job_;
  std::string source_;
  std::string root_;
  TreeWriter writer_;
};

Result<void> read_rest(StreamSource& source) {
  std::array<char, 16384> bytes{};
  while (TRY(source.read(bytes.data(), bytes.size())) > 0) {
  }
  return ok();
}

}  // namespace

Result<void> extract_tree(const Dir& root, const ExtractJob& job, int input_fd) {
  const NoUmask no_umask;
  auto destination = find_destination(root, job);
  const bool from_archive = job.source == ExtractJob::Source::archive;
  if (!destination && from_archive && destination.error().code() == Errc::not_found) {
    return Error(Errc::invalid, "destination must be a directory when copying from stdin");
  }
  const auto to = TRY(std::move(destination));
  if (from_archive) (void)TRY(root_name(to, job, true));
  UnpackOptions options;
  // A copy is as large as its source, an archive may be a bomb.
  if (!from_archive) options.limits.files = options.limits.total_bytes = options.limits.stream_bytes = UINT64_MAX;
  options.owners = job.owners;
  options.purpose = job.overwrite ? UnpackOptions::Purpose::copy_over : UnpackOptions::Purpose::copy;
  StreamSource source(input_fd);
  LayerStream stream(source, options.limits.stream_bytes, Hashing::no);
  auto opened = TarReader::open(stream, options.limits);
  if (!opened && from_archive && opened.error().code() == Errc::corrupt) {
    return Error(Errc::invalid, "source must be a (compressed) tar archive when copying from stdin");
  }
  auto tar = TRY(std::move(opened));
  std::optional<Extractor> extractor;
  while (const TarEntry* entry = TRY(tar.next())) {
    if (!extractor) {
      const bool is_directory = entry->type == TarEntry::Type::directory;
      const auto called = from_archive ? std::string(".") : TRY(name_of_root(*entry));
      extractor.emplace(job, to.dir, options, called, TRY(root_name(to, job, is_directory, called)));
    }
    TRY(extractor->write(*entry, tar));
  }
  if (!extractor && from_archive && stream.size_bytes() == 0) {
    return Error(Errc::invalid, "source must be a (compressed) tar archive when copying from stdin");
  }
  // Padding behind the end of the archive: who writes a copy is not to find its pipe broken. Others may write for ever.
  if (!from_archive) TRY(read_rest(source));
  return extractor ? extractor->finish() : ok();
}

}  // namespace ctr::storage

#include "storage/tree_archive.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "base/text.h"
#include "storage/entry_rules.h"
#include "storage/merged_dir.h"
#include "storage/tar_writer.h"

namespace ctr::storage {
namespace {

// A path of PATH_MAX bytes has no more components; each level holds a descriptor.
constexpr int k_depth_limit = 2048;
// XATTR_LIST_MAX and XATTR_SIZE_MAX, linux/limits.h.
constexpr size_t k_xattr_limit_bytes = 65536;
constexpr size_t k_copy_bytes = size_t{256} << 10;
// As many as the kernel follows, path_resolution(7).
constexpr int k_links_limit = 40;

Error not_found(const ArchiveJob& job) {
  return {Errc::not_found,
          fmt::format("\"{}\" could not be found on {}: no such file or directory", printable(job.path), job.owner)};
}

TarEntry::Type type_of(mode_t mode) {
  if (S_ISREG(mode)) return TarEntry::Type::file;
  if (S_ISDIR(mode)) return TarEntry::Type::directory;
  if (S_ISLNK(mode)) return TarEntry::Type::symlink;
  if (S_ISFIFO(mode)) return TarEntry::Type::fifo;
  return TarEntry::Type::other;
}

// Attributes of users and file capabilities; those of storage drivers and labels stay behind.
void read_xattrs(int fd, TarEntry& entry) {
  std::string names(k_xattr_limit_bytes, '\0');
  const auto size = ::flistxattr(fd, names.data(), names.size());
  if (size <= 0) return;
  names.resize(static_cast<size_t>(size));
  std::string value(k_xattr_limit_bytes, '\0');
  for (size_t at = 0; at < names.size(); at += std::char_traits<char>::length(names.c_str() + at) + 1) {
    const std::string name = names.c_str() + at;
    if (xattr_use(name) != XattrUse::required) continue;
    const auto length = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (length >= 0) entry.xattrs.push_back({name, value.substr(0, static_cast<size_t>(length))});
  }
}

class TreeArchiver {
 public:
  enum class Marks { as_files, as_whiteouts };
  enum class Unreadable { fail, skip };
  TreeArchiver(int output_fd, Marks marks, Unreadable unreadable = Unreadable::fail)
      : marks_(marks), unreadable_(unreadable), tar_(output_fd), buffer_(k_copy_bytes, '\0') {}

  // Relative paths that are passed over, with what is below them.
  void leave_out(const std::vector<std::string>& paths) { left_out_.insert(paths.begin(), paths.end()); }

  // `name`: that of the directory in the archive, with '/' at its end; empty: only what is in it.
  Result<void> add_directory(const Dir& dir, const std::string& name, int depth) {
    TRY(check_depth(name, depth));
    struct stat status{};
    if (::fstat(dir.fd(), &status) < 0) return Error::from_errno("stat '" + printable(name) + "'");
    if (!name.empty()) {
      auto entry = make_entry(status, name);
      read_xattrs(dir.fd(), entry);
      TRY(tar_.begin(entry));
    }
    if (marks_ == Marks::as_whiteouts && is_opaque(dir)) TRY(add_mark(name + std::string(k_opaque_file)));
    auto listed = dir.list();
    if (!listed && may_skip(listed.error().sys())) return ok();
    auto names = TRY(std::move(listed));
    std::sort(names.begin(), names.end());
    for (const auto& below : names) TRY(add_entry(dir, below, name + below, depth));
    return ok();
  }

  // What is in a directory of several layers.
  Result<void> add_merged(const MergedDir& dir, const std::string& name, int depth) {
    TRY(check_depth(name, depth));
    for (const auto& below : TRY(list_names(dir))) {
      if (left_out_.contains(name + below)) continue;
      const auto found = TRY(look_up(dir, below));
      if (found.kind == FoundEntry::Kind::none) continue;  // gone while we look
      if (found.kind != FoundEntry::Kind::directory) {
        TRY(add_leaf(*found.in, below, name + below, found.status));
        continue;
      }
      auto entry = make_entry(found.status, name + below + "/");
      read_xattrs(found.directory.front().fd(), entry);
      TRY(tar_.begin(entry));
      TRY(add_merged(found.directory, entry.path, depth + 1));
    }
    return ok();
  }

  Result<void> add_file(int fd, const std::string& name) {
    struct stat status{};
    if (::fstat(fd, &status) < 0) return Error::from_errno("stat '" + printable(name) + "'");
    if (!S_ISREG(status.st_mode)) return ok();  // replaced while we look
    auto entry = make_entry(status, name);
    if (is_known(status, entry)) return tar_.begin(entry);
    // Files of the kernel do not know their size before they are read.
    auto start = read_some(fd, buffer_.size());
    if (!start && may_skip(start.error().sys())) return ok();
    size_t got = TRY(std::move(start).context("read '" + printable(name) + "'"));
    if (got < buffer_.size() || entry.size_bytes < got) entry.size_bytes = got;
    read_xattrs(fd, entry);
    TRY(tar_.begin(entry));
    for (uint64_t left = entry.size_bytes; left > 0;) {
      if (got == 0) return Error(Errc::io, "'" + printable(name) + "' became shorter while it was read");
      TRY(tar_.content({buffer_.data(), got}));
      left -= got;
      if (left == 0) break;
      const auto more = std::min<uint64_t>(left, buffer_.size());
      got = TRY(read_some(fd, static_cast<size_t>(more)).context("read '" + printable(name) + "'"));
    }
    return ok();
  }

  Result<void> finish() { return tar_.finish(); }

 private:
  // Fills the buffer up to `size` as far as the file goes.
  Result<size_t> read_some(int fd, size_t size) {
    size_t done = 0;
    while (done < size) {
      const auto got = ::read(fd, buffer_.data() + done, size - done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && done == 0) return Error::from_errno("read");
      if (got <= 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  // Source: podman-cp(1), "ignores permission errors when copying from a running rootless container".
  bool may_skip(int sys) const {
    if (unreadable_ == Unreadable::fail) return false;
    return sys == EACCES || sys == EPERM || sys == EINVAL || sys == EIO || sys == EAGAIN;
  }

  static Result<void> check_depth(const std::string& name, int depth) {
    if (depth <= k_depth_limit) return ok();
    return Error(Errc::invalid, fmt::format("'{}' is deeper than {} directories", printable(name), k_depth_limit));
  }

  Result<void> add_entry(const Dir& dir, const std::string& name, const std::string& path, int depth) {
    if (left_out_.contains(path)) return ok();
    const auto status = TRY(dir.find(name));
    if (!status) return ok();
    if (marks_ == Marks::as_whiteouts) {
      if (name == k_opaque_file) return ok();
      if (name.starts_with(k_whiteout_file_prefix)) return add_mark(path);
      if (is_whiteout(dir, name, *status)) {
        return add_mark(fmt::format("{}{}{}", path.substr(0, path.size() - name.size()), k_whiteout_file_prefix, name));
      }
    }
    if (S_ISDIR(status->st_mode)) {
      auto below = dir.open_dir(name);
      if (!below && may_skip(below.error().sys())) return ok();
      return add_directory(TRY(std::move(below)), path + "/", depth + 1);
    }
    return add_leaf(dir, name, path, *status);
  }

  Result<void> add_leaf(const Dir& dir, const std::string& name, const std::string& path, const struct stat& status) {
    if (S_ISREG(status.st_mode)) {
      auto file = dir.open_file(name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
      if (!file && (file.error().sys() == ENOENT || file.error().sys() == ELOOP)) return ok();
      if (!file && may_skip(file.error().sys())) return ok();
      return add_file(TRY(std::move(file)).get(), path);
    }
    if (!S_ISLNK(status.st_mode) && !S_ISFIFO(status.st_mode)) return ok();
    auto entry = make_entry(status, path);
    if (S_ISLNK(status.st_mode)) {
      auto target = dir.read_symlink(name);
      if (!target && may_skip(target.error().sys())) return ok();
      entry.target = TRY(std::move(target));
    }
    (void)is_known(status, entry);
    return tar_.begin(entry);
  }

  // A whiteout or an opaque mark: an empty file.
  Result<void> add_mark(const std::string& path) {
    TarEntry entry;
    entry.type = TarEntry::Type::file;
    entry.path = path;
    return tar_.begin(entry);
  }

  static TarEntry make_entry(const struct stat& status, std::string path) {
    TarEntry entry;
    entry.type = type_of(status.st_mode);
    entry.path = std::move(path);
    entry.mode = status.st_mode & 07777;
    entry.uid = status.st_uid;
    entry.gid = status.st_gid;
    entry.mtime_seconds = status.st_mtim.tv_sec;
    entry.mtime_nanoseconds = static_cast<uint32_t>(status.st_mtim.tv_nsec);
    if (entry.type == TarEntry::Type::file) entry.size_bytes = static_cast<uint64_t>(status.st_size);
    return entry;
  }

  // Whether the file is in the archive under another name: then `entry` becomes a link to that.
  bool is_known(const struct stat& status, TarEntry& entry) {
    if (status.st_nlink < 2) return false;
    const auto [known, is_new] = first_names_.emplace(std::pair(status.st_dev, status.st_ino), entry.path);
    if (is_new) return false;
    entry.type = TarEntry::Type::hardlink;
    entry.target = known->second;
    entry.size_bytes = 0;
    return true;
  }

  const Marks marks_;
  const Unreadable unreadable_;
  std::set<std::string> left_out_;
  TarWriter tar_;
  std::string buffer_;
  std::map<std::pair<dev_t, ino_t>, std::string> first_names_;
};

// What the file is called that `path` leads to over a link at its end; empty: it does not end in one, or in one to a
// name that says nothing.
Result<std::string> target_name(const Dir& root, std::string path) {
  std::string name;
  for (int links = 0; links < k_links_limit; ++links) {
    while (path.ends_with('/')) path.pop_back();
    const auto slash = path.rfind('/');
    const std::string last = path.substr(slash == std::string::npos ? 0 : slash + 1);
    if (last.empty() || last == "." || last == "..") return std::string();
    path.resize(path.size() - last.size());
    const Dir parent(TRY(root.open_in_root("./" + path, O_RDONLY | O_DIRECTORY)), path);
    const auto status = TRY(parent.find(last));
    if (!status || !S_ISLNK(status->st_mode)) return links == 0 ? std::string() : last;
    const auto target = TRY(parent.read_symlink(last));
    path = target.starts_with('/') ? target : path + target;
  }
  return std::string();
}

}  // namespace

Result<void> archive_tree(const Dir& root, const ArchiveJob& job, int output_fd) {
  using Unreadable = TreeArchiver::Unreadable;
  TreeArchiver archiver(output_fd, TreeArchiver::Marks::as_files,
                        job.skip_unreadable ? Unreadable::skip : Unreadable::fail);
  const auto path = "./" + job.path;
  auto place = root.open_in_root(path, O_PATH);
  if (!place && (place.error().sys() == ENOENT || place.error().sys() == ENOTDIR)) return not_found(job);
  struct stat status{};
  if (::fstat(TRY(std::move(place)).get(), &status) < 0) return Error::from_errno("stat '" + printable(job.path) + "'");
  auto name = job.name;
  if (job.name_of_target && !name.empty()) {
    const auto target = target_name(root, job.path);
    if (target && !target->empty()) name = *target;
  }
  if (S_ISDIR(status.st_mode)) {
    const Dir dir(TRY(root.open_in_root(path, O_RDONLY | O_DIRECTORY)), job.path == "/" ? "" : job.path);
    TRY(archiver.add_directory(dir, name.empty() ? "" : name + "/", 0));
    return archiver.finish();
  }
  if (!S_ISREG(status.st_mode)) {
    return Error(Errc::invalid,
                 fmt::format("\"{}\" on {} must be a directory or a regular file", printable(job.path), job.owner));
  }
  TRY(archiver.add_file(TRY(root.open_in_root(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)).get(), name));
  return archiver.finish();
}

Result<void> archive_layers(const std::vector<Dir>& layers, const std::vector<std::string>& left_out, int output_fd) {
  MergedDir root;
  for (const Dir& layer : layers) {
    root.push_back(TRY(layer.open_dir(".")));
    if (is_opaque(root.back())) break;
  }
  std::vector<std::string> own;
  for (const auto& path : left_out) {
    bool is_own = true;
    for (size_t i = 1; i < layers.size() && is_own; ++i) is_own = !layers[i].exists(path);
    if (is_own) own.push_back(path);
  }
  TreeArchiver archiver(output_fd, TreeArchiver::Marks::as_files);
  archiver.leave_out(own);
  TRY(archiver.add_merged(root, "", 0));
  return archiver.finish();
}

Result<void> archive_changes(const Dir& layer, const std::vector<std::string>& left_out, int output_fd) {
  TreeArchiver archiver(output_fd, TreeArchiver::Marks::as_whiteouts);
  archiver.leave_out(left_out);
  TRY(archiver.add_directory(layer, "", 0));
  return archiver.finish();
}

}  // namespace ctr::storage

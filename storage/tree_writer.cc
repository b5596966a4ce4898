#include "storage/tree_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "storage/entry_rules.h"

namespace ctr::storage {
namespace {

std::string quoted(std::string_view path) { return "'" + printable(path) + "'"; }

timespec mtime_of(const TarEntry& entry) {
  return {static_cast<time_t>(entry.mtime_seconds), static_cast<long>(entry.mtime_nanoseconds)};
}

std::array<timespec, 2> times_of(const TarEntry& entry) { return {mtime_of(entry), mtime_of(entry)}; }

// An answer of the kernel about a name or a size that the archive chose is the archive's fault.
Error entry_error(const char* act, std::string_view path) {
  Error error = Error::from_errno(fmt::format("{} {}", act, quoted(path)));
  int sys = error.sys();
  bool is_content = sys == ENAMETOOLONG || sys == ELOOP || sys == ENOTDIR || sys == EFBIG || sys == EINVAL;
  return is_content ? std::move(error).with_code(Errc::corrupt) : error;
}

}  // namespace

TreeWriter::TreeWriter(const Dir& target, const UnpackOptions& options)
    : target_(target),
      options_(options),
      dirs_(target, options.purpose == UnpackOptions::Purpose::layer ? DirCache::Found::keep_time
                                                                     : DirCache::Found::change_time),
      own_uid_(::geteuid()),
      own_gid_(::getegid()) {}

Result<void> TreeWriter::check_owner(const TarEntry& entry) const { return check_entry_owner(entry, options_.owners); }

Result<void> TreeWriter::write(const TarEntry& entry, TarReader& tar) {
  TRY(check_owner(entry));
  std::string path = TRY(clean_entry_path(entry.path));
  if (path.empty()) return write_root(entry);
  if (is_layer()) {
    if (is_aufs_metadata(path)) return ok();
    TRY(check_whiteout_parents(path));
  }
  if (entry.type == TarEntry::Type::device) {
    ++skipped_devices_;
    return ok();
  }
  size_t slash = path.rfind('/');
  std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  Place place{TRY(dirs_.open(parent, DirCache::Missing::make)), path.substr(slash == std::string::npos ? 0 : slash + 1),
              std::move(path)};
  if (place.name == "..") return Error(Errc::corrupt, quoted(entry.path) + " names no entry of a directory");
  if (is_layer() && place.name.starts_with(k_whiteout_prefix)) return write_whiteout(place);
  switch (entry.type) {
    case TarEntry::Type::directory:
      return write_directory(entry, place);
    case TarEntry::Type::file:
      return write_file(entry, place, tar);
    case TarEntry::Type::symlink:
      return write_symlink(entry, place);
    case TarEntry::Type::hardlink:
      return write_hardlink(entry, place);
    case TarEntry::Type::fifo:
      return write_fifo(entry, place);
    default:
      return Error(Errc::corrupt, quoted(entry.path) + " has a type that layers do not have");
  }
}

Result<void> TreeWriter::finish() { return dirs_.clear(); }

Result<void> TreeWriter::write_root(const TarEntry& entry) {
  if (entry.type != TarEntry::Type::directory) {
    return Error(Errc::corrupt, quoted(entry.path) + " would replace the root of the layer");
  }
  OpenDir* root = TRY(dirs_.open("", DirCache::Missing::refuse));
  Place place{root, ".", ""};
  TRY(set_metadata(root->fd.get(), entry, place, std::nullopt));
  root->mtime = mtime_of(entry);
  root->is_changed = true;
  struct stat info{};
  if (::fstat(root->fd.get(), &info) == 0) {
    root->mode = info.st_mode;
    root->gid = info.st_gid;
  }
  return ok();
}

Result<void> TreeWriter::write_whiteout(Place& place) {
  if (place.name == k_opaque_name) {
    if (place.parent->path.empty()) opaque_root_ = true;
    return set_opaque(place.parent->fd.get(), place.parent->path);
  }
  std::string hidden = place.name.substr(k_whiteout_prefix.size());
  if (hidden.empty() || hidden == "." || hidden == "..") {
    return Error(Errc::corrupt, quoted(place.path) + " is a whiteout of nothing");
  }
  return hide_lower(place, hidden);
}

// A whiteout hides what lower layers have; what this layer has under the name stays.
Result<void> TreeWriter::hide_lower(Place& place, const std::string& name) {
  place.parent->is_changed = true;
  if (::mknodat(place.parent->fd.get(), name.c_str(), S_IFCHR, makedev(0, 0)) == 0) return ok();
  if (errno != EEXIST) return entry_error("create the whiteout", place.path);
  Fd dir(::openat(place.parent->fd.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (dir.valid()) return set_opaque(dir.get(), place.path);
  return ok();
}

template <typename Make>
Result<void> TreeWriter::replace(Place& place, Make make) {
  place.parent->is_changed = true;
  if (make() >= 0) return ok();
  if (errno == EEXIST) {
    TRY(remove_existing(place));
    place.parent->is_changed = true;
    if (make() >= 0) return ok();
  }
  return entry_error("create", place.path);
}

Result<void> TreeWriter::check_replaced(mode_t mode, const Place& place, bool by_directory) const {
  if (is_layer()) return ok();
  if (S_ISCHR(mode) || S_ISBLK(mode)) return Error(Errc::exists, quoted(place.path) + " is a device there");
  if (S_ISDIR(mode) == by_directory || options_.purpose == UnpackOptions::Purpose::copy_over) return ok();
  return Error(Errc::exists, fmt::format("{} is {} directory there", quoted(place.path), by_directory ? "no" : "a"))
      .with_hint("--overwrite replaces it");
}

Result<void> TreeWriter::check_not_mounted(const Place& place) const {
  if (is_layer()) return ok();
  struct statx status{};
  if (::statx(place.parent->fd.get(), place.name.c_str(), AT_SYMLINK_NOFOLLOW, STATX_TYPE, &status) < 0) {
    return entry_error("stat", place.path);
  }
  if ((status.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return ok();
  return Error(Errc::in_use, quoted(place.path) + " is mounted there, and can be written to but not replaced");
}

Result<void> TreeWriter::remove_existing(Place& place) {
  TRY(check_not_mounted(place));
  int parent_fd = place.parent->fd.get();
  struct stat info{};
  if (::fstatat(parent_fd, place.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) return entry_error("stat", place.path);
  // A directory only takes the place of another file where write_directory() has let it.
  if (S_ISDIR(info.st_mode)) TRY(check_replaced(info.st_mode, place, false));
  if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) TRY(check_replaced(info.st_mode, place, false));
  if (!S_ISDIR(info.st_mode) && !S_ISLNK(info.st_mode)) {
    if (::unlinkat(parent_fd, place.name.c_str(), 0) < 0) return entry_error("replace", place.path);
    return ok();
  }
  // Open directories may lie below it or have been reached through it.
  Fd kept = TRY(place.parent->fd.duplicate());
  Dir parent(std::move(kept), place.parent->path);
  std::string parent_path = place.parent->path;
  TRY(dirs_.clear());
  TRY(remove_tree(parent, place.name));
  place.parent = TRY(dirs_.open(parent_path, DirCache::Missing::refuse));
  return ok();
}

bool TreeWriter::must_chown(const TarEntry& entry, const OpenDir& parent) const {
  if (options_.owners.ignore) return false;
  gid_t made_gid = (parent.mode & S_ISGID) != 0 ? parent.gid : own_gid_;
  return entry.uid != own_uid_ || entry.gid != made_gid;
}

Result<void> TreeWriter::set_metadata(int fd, const TarEntry& entry, const Place& place,
                                      std::optional<mode_t> created_mode) {
  bool chown = !options_.owners.ignore && (!created_mode || must_chown(entry, *place.parent));
  if (chown && ::fchown(fd, static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid)) < 0) {
    return entry_error("set the owner of", entry.path);
  }
  // chown(2) clears set-user-id and file capabilities, so both follow it. Files are made without special bits.
  bool inherits_setgid = (place.parent->mode & S_ISGID) != 0 && entry.type == TarEntry::Type::directory;
  if ((inherits_setgid || entry.mode != created_mode) && ::fchmod(fd, entry.mode) < 0) {
    return entry_error("set the mode of", entry.path);
  }
  return entry.xattrs.empty() ? ok() : set_xattrs(fd, entry);
}

Result<void> TreeWriter::set_xattrs(int fd, const TarEntry& entry) {
  for (const auto& xattr : entry.xattrs) {
    XattrUse use = xattr_use(xattr.name);
    bool may_fail = use != XattrUse::required;
    if (use == XattrUse::drop) {
      ++skipped_xattrs_;
      continue;
    }
    // The kernel binds a file capability to the root of this user namespace by itself (capabilities(7), version 3).
    if (::fsetxattr(fd, xattr.name.c_str(), xattr.value.data(), xattr.value.size(), 0) == 0) continue;
    bool unsupported = errno == EOPNOTSUPP;
    bool forbidden = errno == EPERM && (may_fail || options_.owners.ignore);
    if (!unsupported && !forbidden) {
      return entry_error("set an extended attribute of", entry.path).context(printable(xattr.name, 80));
    }
    ++skipped_xattrs_;
  }
  return ok();
}

Result<void> TreeWriter::write_directory(const TarEntry& entry, Place& place) {
  int parent_fd = place.parent->fd.get();
  const char* name = place.name.c_str();
  mode_t created = entry.mode & 0777;
  struct stat info{};
  bool was_whiteout = false;
  place.parent->is_changed = true;
  bool made = ::mkdirat(parent_fd, name, created) == 0;
  if (!made && errno != EEXIST) return entry_error("create", place.path);
  if (!made) {
    if (::fstatat(parent_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0) return entry_error("stat", place.path);
    was_whiteout = is_layer() && is_whiteout_device(info);
    TRY(check_replaced(info.st_mode, place, true));
    if (!S_ISDIR(info.st_mode)) {
      TRY(replace(place, [&] { return ::mkdirat(place.parent->fd.get(), name, created); }));
      made = true;
    } else {
      // Its old time is in the cache if it is open.
      std::string parent_path = place.parent->path;
      TRY(dirs_.clear());
      place.parent = TRY(dirs_.open(parent_path, DirCache::Missing::refuse));
    }
  }
  OpenDir dir;
  dir.fd = Fd(::openat(place.parent->fd.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir.fd.valid()) return entry_error("open", place.path);
  TRY(set_metadata(dir.fd.get(), entry, place, made ? std::optional(created) : std::nullopt));
  if (was_whiteout) TRY(set_opaque(dir.fd.get(), place.path));
  dir.path = place.path;
  dir.mode = entry.mode | S_IFDIR;
  dir.gid = options_.owners.ignore ? own_gid_ : static_cast<gid_t>(entry.gid);
  dir.mtime = mtime_of(entry);
  dir.is_changed = true;
  return dirs_.adopt(std::move(dir));
}

Result<void> TreeWriter::write_file(const TarEntry& entry, Place& place, TarReader& tar) {
  Fd file;
  mode_t created = entry.mode & 0777;
  TRY(replace(place, [&] {
    file = Fd(::openat(place.parent->fd.get(), place.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       created));
    return file.get();
  }));
  TRY(write_content(entry, file.get(), tar));
  TRY(set_metadata(file.get(), entry, place, created));
  if (::futimens(file.get(), times_of(entry).data()) < 0) return entry_error("set the time of", place.path);
  return ok();
}

Result<void> TreeWriter::write_content(const TarEntry& entry, int fd, TarReader& tar) {
  if (entry.size_bytes == 0) return ok();
  uint64_t end = 0;
  while (auto piece = TRY(tar.next_piece())) {
    uint64_t size = piece->bytes.size();
    if (piece->offset > entry.size_bytes || size > entry.size_bytes - piece->offset) {
      return Error(Errc::corrupt, quoted(entry.path) + " has content behind its end");
    }
    content_bytes_ += size;
    if (content_bytes_ > options_.limits.total_bytes) {
      return Error(Errc::invalid, fmt::format("{}: the files of the layer are larger than the limit of {} bytes",
                                              quoted(entry.path), options_.limits.total_bytes));
    }
    // A hole of a sparse file comes as zeros.
    const bool is_hole =
        !is_layer() && std::all_of(piece->bytes.begin(), piece->bytes.end(), [](char c) { return c == 0; });
    if (is_hole) continue;
    for (size_t done = 0; done < size;) {
      ssize_t written = ::pwrite(fd, piece->bytes.data() + done, size - done, static_cast<off_t>(piece->offset + done));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return entry_error("write", entry.path);
      done += static_cast<size_t>(written);
    }
    if (size > 0) end = std::max(end, piece->offset + size);
  }
  // A hole at the end.
  if (end < entry.size_bytes && ::ftruncate(fd, static_cast<off_t>(entry.size_bytes)) < 0) {
    return entry_error("set the size of", entry.path);
  }
  return ok();
}

Result<void> TreeWriter::write_symlink(const TarEntry& entry, Place& place) {
  if (entry.target.empty()) return Error(Errc::corrupt, quoted(entry.path) + " is a link to nothing");
  TRY(replace(place, [&] { return ::symlinkat(entry.target.c_str(), place.parent->fd.get(), place.name.c_str()); }));
  int parent_fd = place.parent->fd.get();
  if (must_chown(entry, *place.parent) && ::fchownat(parent_fd, place.name.c_str(), static_cast<uid_t>(entry.uid),
                                                     static_cast<gid_t>(entry.gid), AT_SYMLINK_NOFOLLOW) < 0) {
    return entry_error("set the owner of", place.path);
  }
  skipped_xattrs_ += entry.xattrs.size();  // Linux has no user attributes on links, xattr(7)
  if (::utimensat(parent_fd, place.name.c_str(), times_of(entry).data(), AT_SYMLINK_NOFOLLOW) < 0) {
    return entry_error("set the time of", place.path);
  }
  return ok();
}

Result<void> TreeWriter::write_hardlink(const TarEntry& entry, Place& place) {
  std::string target = TRY(clean_entry_path(entry.target));
  if (target == place.path) return ok();
  size_t slash = target.rfind('/');
  std::string name = target.substr(slash == std::string::npos ? 0 : slash + 1);
  if (name.empty() || name == "..") return Error(Errc::corrupt, quoted(entry.path) + " is a hard link to no file");
  std::string dir_path = slash == std::string::npos ? "" : target.substr(0, slash);
  auto opened = target_.open_in_root(dir_path.empty() ? "." : dir_path, O_PATH | O_DIRECTORY);
  struct stat info{};
  if (!opened || ::fstatat(opened->get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) {
    return Error(Errc::corrupt, fmt::format("{} is a hard link to {}, which the layer does not have",
                                            quoted(entry.path), quoted(entry.target)));
  }
  if (S_ISDIR(info.st_mode) || is_whiteout_device(info)) {
    return Error(Errc::corrupt,
                 fmt::format("{} is a hard link to {}, which is no file", quoted(entry.path), quoted(entry.target)));
  }
  // Without AT_SYMLINK_FOLLOW a link as the last component is linked itself.
  return replace(place,
                 [&] { return ::linkat(opened->get(), name.c_str(), place.parent->fd.get(), place.name.c_str(), 0); });
}

Result<void> TreeWriter::write_fifo(const TarEntry& entry, Place& place) {
  mode_t created = entry.mode & 0777;
  TRY(replace(place, [&] { return ::mknodat(place.parent->fd.get(), place.name.c_str(), S_IFIFO | created, 0); }));
  // Opened for writing and reading at once, which never blocks on a FIFO of Linux, fifo(7).
  Fd fifo(::openat(place.parent->fd.get(), place.name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fifo.valid()) return entry_error("open", place.path);
  TRY(set_metadata(fifo.get(), entry, place, created));
  if (::futimens(fifo.get(), times_of(entry).data()) < 0) return entry_error("set the time of", place.path);
  return ok();
}

}  // namespace ctr::storage

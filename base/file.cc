#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "base/random.h"
#include "base/text.h"

namespace ctr {
namespace {

std::string quoted(const std::string& dir, std::string_view name) { return "'" + dir + "/" + std::string(name) + "'"; }

Result<Fd> open_resolved(int dirfd, std::string_view name, int flags, mode_t mode, uint64_t resolve,
                         const std::string& dir) {
  if (name.find('\0') != std::string_view::npos) {
    return Error(Errc::invalid, "a path with a NUL byte in '" + dir + "'");
  }
  struct open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  // openat2(2) refuses a mode that would not be used.
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) how.mode = mode;
  how.resolve = resolve;
  std::string text(name);
  while (true) {
    int fd = static_cast<int>(::syscall(SYS_openat2, dirfd, text.c_str(), &how, sizeof how));
    if (fd >= 0) return Fd(fd);
    // EAGAIN: a rename raced with "..": the kernel asks to try again (openat2(2)).
    if (errno != EINTR && errno != EAGAIN) return Error::from_errno("open " + quoted(dir, name));
  }
}

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using DirStream = std::unique_ptr<DIR, DirCloser>;

Result<DirStream> open_stream(int dirfd, const std::string& path) {
  Fd copy(::openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy.valid()) return Error::from_errno("open '" + path + "'");
  DirStream stream(::fdopendir(copy.get()));
  if (!stream) return Error::from_errno("list '" + path + "'");
  (void)copy.release();
  return stream;
}

// The directory that holds a name, for the calls that have no openat2(2) form: they take one component only, which the
// kernel does not follow.
struct Place {
  Fd parent;  // invalid: `dirfd` itself
  int dirfd = -1;
  std::string leaf;
};
Result<Place> find_place(int dirfd, std::string_view name, const std::string& dir) {
  Place place{.parent = {}, .dirfd = dirfd, .leaf = {}};
  size_t slash = name.rfind('/');
  if (slash != std::string_view::npos) {
    place.parent = TRY(open_resolved(dirfd, name.substr(0, slash), O_PATH | O_DIRECTORY, 0, RESOLVE_BENEATH, dir));
    place.dirfd = place.parent.get();
    name.remove_prefix(slash + 1);
  }
  if (name.empty() || name == "." || name == ".." || name.find('\0') != std::string_view::npos) {
    return Error(Errc::invalid, "'" + printable(name) + "' is not a name in '" + dir + "'");
  }
  place.leaf = name;
  return place;
}

}  // namespace

Result<Dir> Dir::open(const std::string& path) {
  if (path.find('\0') != std::string::npos) return Error(Errc::invalid, "a path with a NUL byte");
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return Error::from_errno("open '" + path + "'");
  return Dir(std::move(fd), path);
}

Result<Dir> Dir::open_or_make(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return open(path);
  if (errno != ENOENT) return Error::from_errno("create '" + path + "'");
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    std::string parent = path.substr(0, slash);
    if (::mkdir(parent.c_str(), mode) < 0 && errno != EEXIST && errno != EISDIR) {
      return Error::from_errno("create '" + parent + "'");
    }
  }
  if (::mkdir(path.c_str(), mode) < 0 && errno != EEXIST) return Error::from_errno("create '" + path + "'");
  return open(path);
}

Result<Dir> Dir::open_dir(std::string_view name) const {
  Fd fd = TRY(open_resolved(fd_.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_BENEATH, path_));
  return Dir(std::move(fd), path_ + "/" + std::string(name));
}

Result<Dir> Dir::open_or_make_dir(std::string_view name, mode_t mode) const {
  auto made = make_dir(name, mode);
  if (!made && made.error().sys() != EEXIST) return std::move(made).error();
  return open_dir(name);
}

Result<Fd> Dir::open_file(std::string_view name, int flags, mode_t mode) const {
  return open_resolved(fd_.get(), name, flags | O_NOFOLLOW, mode, RESOLVE_BENEATH, path_);
}

Result<Fd> Dir::open_in_root(std::string_view path, int flags, mode_t mode) const {
  return open_resolved(fd_.get(), path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, path_);
}

Result<void> Dir::make_dir(std::string_view name, mode_t mode) const {
  Place place = TRY(find_place(fd_.get(), name, path_));
  if (::mkdirat(place.dirfd, place.leaf.c_str(), mode) < 0) return Error::from_errno("create " + quoted(path_, name));
  return ok();
}

Result<void> Dir::remove_file(std::string_view name) const {
  Place place = TRY(find_place(fd_.get(), name, path_));
  if (::unlinkat(place.dirfd, place.leaf.c_str(), 0) < 0) return Error::from_errno("remove " + quoted(path_, name));
  return ok();
}

Result<void> Dir::remove_dir(std::string_view name) const {
  Place place = TRY(find_place(fd_.get(), name, path_));
  if (::unlinkat(place.dirfd, place.leaf.c_str(), AT_REMOVEDIR) < 0) {
    return Error::from_errno("remove " + quoted(path_, name));
  }
  return ok();
}

Result<void> Dir::rename(std::string_view from, const Dir& to_dir, std::string_view to, unsigned flags) const {
  Place source = TRY(find_place(fd_.get(), from, path_));
  Place target = TRY(find_place(to_dir.fd(), to, to_dir.path()));
  if (::renameat2(source.dirfd, source.leaf.c_str(), target.dirfd, target.leaf.c_str(), flags) < 0) {
    return Error::from_errno("rename " + quoted(path_, from) + " to " + quoted(to_dir.path(), to));
  }
  return ok();
}

Result<void> Dir::make_symlink(const std::string& target, std::string_view name) const {
  Place place = TRY(find_place(fd_.get(), name, path_));
  if (target.find('\0') != std::string::npos) {
    return Error(Errc::invalid, "a NUL byte in the target of " + quoted(path_, name));
  }
  if (::symlinkat(target.c_str(), place.dirfd, place.leaf.c_str()) < 0) {
    return Error::from_errno("create the link " + quoted(path_, name));
  }
  return ok();
}

Result<std::string> Dir::read_symlink(std::string_view name) const {
  Place place = TRY(find_place(fd_.get(), name, path_));
  std::array<char, 4096> target;  // PATH_MAX; the kernel keeps targets below it
  ssize_t length = ::readlinkat(place.dirfd, place.leaf.c_str(), target.data(), target.size());
  if (length < 0) return Error::from_errno("read the link " + quoted(path_, name));
  return std::string(target.data(), static_cast<size_t>(length));
}

Result<std::optional<struct stat>> Dir::find(std::string_view name) const {
  auto place = find_place(fd_.get(), name, path_);
  if (!place && (place.error().sys() == ENOENT || place.error().sys() == ENOTDIR)) return std::optional<struct stat>();
  if (!place) return std::move(place).error();
  struct stat info{};
  if (::fstatat(place->dirfd, place->leaf.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<struct stat>();
    return Error::from_errno("stat " + quoted(path_, name));
  }
  return std::optional(info);
}

bool Dir::exists(std::string_view name) const {
  auto found = find(name);
  return found && found->has_value();
}

Result<std::vector<std::string>> Dir::list() const {
  DirStream stream = TRY(open_stream(fd_.get(), path_));
  std::vector<std::string> names;
  errno = 0;
  while (dirent* entry = ::readdir(stream.get())) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return Error::from_errno("list '" + path_ + "'");
  return names;
}

Result<void> Dir::sync() const {
  if (::fsync(fd_.get()) < 0) return Error::from_errno("sync '" + path_ + "'");
  return ok();
}

Result<std::string> Dir::read_file(std::string_view name, size_t limit_bytes) const {
  // O_NONBLOCK: a FIFO in a directory of somebody else's must not hang the command.
  Fd fd = TRY(open_file(name, O_RDONLY | O_NONBLOCK));
  return read_all(fd.get(), limit_bytes, quoted(path_, name));
}

Result<void> Dir::write_file(std::string_view name, std::string_view content, Sync sync_mode, mode_t mode) const {
  Place place = TRY(find_place(fd_.get(), name, path_));
  std::string temporary = "." + place.leaf + "." + random_hex(8);
  Fd fd(::openat(place.dirfd, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd.valid()) return Error::from_errno("create " + quoted(path_, name));
  auto written = write_all(fd.get(), content, quoted(path_, name));
  if (written && sync_mode == Sync::yes && ::fsync(fd.get()) < 0) {
    written = Error::from_errno("sync " + quoted(path_, name));
  }
  if (written && ::renameat(place.dirfd, temporary.c_str(), place.dirfd, place.leaf.c_str()) < 0) {
    written = Error::from_errno("replace " + quoted(path_, name));
  }
  if (!written) {
    (void)::unlinkat(place.dirfd, temporary.c_str(), 0);
    return written;
  }
  // A descriptor of O_PATH cannot be synced.
  if (sync_mode == Sync::no) return ok();
  return place.parent.valid() ? TRY(open_dir(name.substr(0, name.rfind('/')))).sync() : sync();
}

Result<Fd> open_path(const std::string& path, int flags, mode_t mode) {
  int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return Error::from_errno("open '" + path + "'");
  return Fd(fd);
}

Result<std::string> read_file(const std::string& path, size_t limit_bytes) {
  // O_NONBLOCK: a FIFO named by mistake must not hang the command.
  Fd fd = TRY(open_path(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  if (::fstat(fd.get(), &info) < 0) return Error::from_errno("stat '" + path + "'");
  if (S_ISDIR(info.st_mode)) return Error(Errc::invalid, "'" + path + "' is a directory");
  if (!S_ISREG(info.st_mode)) return Error(Errc::invalid, "'" + path + "' is not a regular file");
  return read_all(fd.get(), limit_bytes, "'" + path + "'");
}

Result<std::optional<std::string>> read_file_if_exists(const std::string& path, size_t limit_bytes) {
  auto content = read_file(path, limit_bytes);
  if (content) return std::optional(std::move(content).value());
  if (content.error().sys() == ENOENT || content.error().sys() == ENOTDIR) return std::optional<std::string>();
  return std::move(content).error();
}

Result<void> create_file(const std::string& path, std::string_view content, mode_t mode) {
  Fd fd = TRY(open_path(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  return write_all(fd.get(), content, "'" + path + "'");
}

Result<std::string> read_kernel_file(const std::string& path) {
  Fd fd = TRY(open_path(path, O_RDONLY));
  return read_all(fd.get(), size_t{16} << 20, "'" + path + "'");
}

bool path_exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace ctr

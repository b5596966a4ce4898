#include "storage/dir_cache.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"

namespace ctr::storage {
namespace {

// Small enough for a process that may open few files; a tar in directory order needs two or three.
constexpr size_t k_open_directories = 16;
// MAXSYMLINKS of Linux, path_resolution(7).
constexpr int k_link_limit = 40;
constexpr mode_t k_implied_mode = 0755;

struct Split {
  std::string parent;
  std::string name;
};
Split split_last(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string_view or_dot(const std::string& path) {
  return path.empty() ? std::string_view(".") : std::string_view(path);
}

Result<std::string> read_link(int dir_fd, const std::string& name) {
  std::string target(4096, '\0');  // PATH_MAX: links are never longer
  ssize_t size = ::readlinkat(dir_fd, name.c_str(), target.data(), target.size());
  if (size < 0) return Error::from_errno("read the link '" + printable(name) + "'");
  target.resize(static_cast<size_t>(size));
  return target;
}

// Makes the directory `name`. A whiteout is replaced: hidden below, and a directory here. Errors: sys() EEXIST for
// anything else that is there.
Result<void> make_implied(int parent_fd, const std::string& name, const std::string& path) {
  if (::mkdirat(parent_fd, name.c_str(), k_implied_mode) == 0) return ok();
  struct stat info{};
  bool is_whiteout = errno == EEXIST && ::fstatat(parent_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                     is_whiteout_device(info);
  if (!is_whiteout) return Error::from_errno("create '" + printable(path) + "'", errno == 0 ? EEXIST : errno);
  if (::unlinkat(parent_fd, name.c_str(), 0) < 0 || ::mkdirat(parent_fd, name.c_str(), k_implied_mode) < 0) {
    return Error::from_errno("create '" + printable(path) + "'");
  }
  Fd made(::openat(parent_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made.valid()) return Error::from_errno("open '" + printable(path) + "'");
  return set_opaque(made.get(), path);
}

Error in_the_way(const std::string& path) {
  return {Errc::corrupt, "'" + printable(path) + "' is no directory, but the layer has entries in it"};
}

}  // namespace

bool is_whiteout_device(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0); }

Result<void> set_opaque(int dir_fd, const std::string& path) {
  if (::fsetxattr(dir_fd, "user.overlay.opaque", "y", 1, 0) < 0) {
    return Error::from_errno("mark the directory '" + printable(path) + "' as opaque");
  }
  return ok();
}

DirCache::~DirCache() { clear().ignore("the caller that wants to know has called clear()"); }

Result<void> DirCache::restore_time(OpenDir& dir) {
  if (!dir.is_changed || !dir.keeps_time) return ok();
  timespec times[2] = {{0, UTIME_OMIT}, dir.mtime};
  if (::futimens(dir.fd.get(), times) < 0) return Error::from_errno("set the time of '" + printable(dir.path) + "'");
  dir.is_changed = false;
  return ok();
}

Result<void> DirCache::evict() {
  by_path_.erase(entries_.back().path);
  OpenDir last = std::move(entries_.back());
  entries_.pop_back();
  return restore_time(last);
}

Result<void> DirCache::clear() {
  Result<void> first;
  while (!entries_.empty()) {
    auto done = evict();
    if (!done && first) first = std::move(done);
  }
  return first;
}

OpenDir* DirCache::insert(OpenDir dir) {
  entries_.push_front(std::move(dir));
  by_path_[entries_.front().path] = entries_.begin();
  return &entries_.front();
}

Result<void> DirCache::adopt(OpenDir dir) {
  if (entries_.size() >= k_open_directories) TRY(evict());
  (void)insert(std::move(dir));
  return ok();
}

// Walks `path` from the top and makes the first part that is missing. A dangling link is replaced by its target in
// `path`, so that the caller resolves the whole again.
Result<void> DirCache::make_missing(std::string& path) {
  size_t begin = 0;
  while (begin <= path.size()) {
    size_t end = std::min(path.find('/', begin), path.size());
    std::string prefix = path.substr(0, end);
    std::string rest = path.substr(end);
    begin = end + 1;
    auto found = root_.open_in_root(or_dot(prefix), O_PATH | O_DIRECTORY);
    if (found) continue;
    int sys = found.error().sys();
    if (sys != ENOENT && sys != ENOTDIR) return std::move(found).error();
    auto [parent_path, name] = split_last(prefix);
    Fd parent = TRY(root_.open_in_root(or_dot(parent_path), O_PATH | O_DIRECTORY));
    auto made = make_implied(parent.get(), name, prefix);
    if (made) continue;
    if (made.error().sys() != EEXIST) return made;
    auto target = read_link(parent.get(), name);
    if (!target) return in_the_way(prefix);
    if (sys == ENOTDIR) return in_the_way(prefix);
    bool absolute = target->starts_with('/');
    path = (absolute || parent_path.empty() ? *target : parent_path + "/" + *target) + rest;
    path.erase(0, path.find_first_not_of('/'));
    return ok();
  }
  return ok();
}

Result<Fd> DirCache::open_or_make(const std::string& wanted, Missing missing) {
  std::string path = wanted;
  for (int round = 0; round < k_link_limit; ++round) {
    auto fd = root_.open_in_root(or_dot(path), O_RDONLY | O_DIRECTORY);
    if (fd) return fd;
    int sys = fd.error().sys();
    if (sys == EMFILE && !entries_.empty()) {
      TRY(clear());
      continue;
    }
    bool is_content = sys == ELOOP || sys == ENAMETOOLONG;  // names and links that the archive chose
    if (is_content) return std::move(fd).error().with_code(Errc::corrupt);
    if (missing == Missing::refuse || (sys != ENOENT && sys != ENOTDIR)) return fd;
    TRY(make_missing(path));
  }
  return Error::from_errno("resolve '" + printable(wanted) + "'", ELOOP).with_code(Errc::corrupt);
}

Result<OpenDir*> DirCache::open(const std::string& path, Missing missing) {
  auto known = by_path_.find(path);
  if (known != by_path_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
    return &entries_.front();
  }
  if (entries_.size() >= k_open_directories) TRY(evict());
  OpenDir dir;
  dir.fd = TRY(open_or_make(path, missing));
  struct stat info{};
  if (::fstat(dir.fd.get(), &info) < 0) return Error::from_errno("stat '" + printable(path) + "'");
  dir.path = path;
  dir.mode = info.st_mode;
  dir.gid = info.st_gid;
  dir.mtime = info.st_mtim;
  dir.keeps_time = found_ == Found::keep_time;
  return insert(std::move(dir));
}

}  // namespace ctr::storage

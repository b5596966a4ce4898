#include "storage/merged_view.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <deque>

#include "base/text.h"

namespace ctr::storage {
namespace {

// MAXSYMLINKS of Linux, path_resolution(7).
constexpr int k_link_limit = 40;
// PATH_MAX; also bounds the work a chain of links can cause.
constexpr size_t k_path_limit = 4096;

// One directory of the merged tree: the directories of the layers that make it up, top first.
using MergedDir = std::vector<Dir>;

bool is_whiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0); }

// Forms of "this directory hides what is below": native overlay with userxattr, fuse-overlayfs, and its fallback file.
bool is_opaque(const Dir& dir) {
  char value = 0;
  for (const char* name : {"user.overlay.opaque", "user.fuseoverlayfs.opaque"}) {
    if (::fgetxattr(dir.fd(), name, &value, 1) == 1 && value == 'y') return true;
  }
  return dir.exists(".wh..wh..opq");
}

// What a name in a merged directory is.
struct Found {
  enum class Kind { none, directory, link, other } kind = Kind::none;
  MergedDir directory;
  std::string target;       // of a link
  const Dir* in = nullptr;  // where a file lies
  mode_t mode = 0;
};

Result<Found> look_up(const MergedDir& parent, const std::string& name) {
  Found found;
  for (const Dir& layer : parent) {
    auto info = TRY(layer.find(name));
    if (!info) {
      // fuse-overlayfs without the right to make device nodes writes these files.
      if (layer.exists(".wh." + name)) break;
      continue;
    }
    if (is_whiteout(*info)) break;
    if (S_ISDIR(info->st_mode)) {
      found.kind = Found::Kind::directory;
      found.directory.push_back(TRY(layer.open_dir(name)));
      if (is_opaque(found.directory.back())) break;
      continue;
    }
    if (found.kind == Found::Kind::directory) break;  // a file below a directory is hidden by it
    found.mode = info->st_mode;
    found.in = &layer;
    found.kind = S_ISLNK(info->st_mode) ? Found::Kind::link : Found::Kind::other;
    if (found.kind == Found::Kind::link) found.target = TRY(layer.read_symlink(name));
    break;
  }
  return found;
}

Result<MergedDir> duplicate(const std::vector<Dir>& layers) {
  MergedDir copies;
  for (const Dir& layer : layers) {
    auto copy = layer.open_dir(".");
    // An image's root that we may not read has nothing to say.
    if (copy) copies.push_back(std::move(*copy));
  }
  return copies;
}

// Walks one path, component by component, with the stack of directories it went through.
class Walk {
 public:
  explicit Walk(const std::vector<Dir>& layers) : layers_(layers) {}

  // The last component, links followed. `last_name` is its name within `found.in`.
  Result<Found> resolve(std::string_view path) {
    TRY(push(path));
    stack_.push_back(TRY(duplicate(layers_)));
    Found found;
    found.kind = Found::Kind::directory;
    while (!rest_.empty()) {
      last_name = std::move(rest_.front());
      rest_.pop_front();
      if (last_name == "..") {
        if (stack_.size() > 1) stack_.pop_back();
        found = Found{};
        found.kind = Found::Kind::directory;
        continue;
      }
      found = TRY(look_up(stack_.back(), last_name));
      if (found.kind == Found::Kind::link) {
        TRY(follow(found.target, path));
        continue;
      }
      if (found.kind == Found::Kind::directory) {
        stack_.push_back(std::move(found.directory));
        continue;
      }
      if (!rest_.empty()) return Found{};  // a file in the middle of the path, or nothing there
    }
    return found;
  }

  std::string last_name;

 private:
  Result<void> push(std::string_view path) {
    size_t at = 0;
    for (auto& part : split(path, '/')) {
      if (!part.empty() && part != ".") rest_.insert(rest_.begin() + static_cast<ptrdiff_t>(at++), std::move(part));
    }
    return ok();
  }

  Result<void> follow(const std::string& target, std::string_view path) {
    if (++links_ > k_link_limit || target.size() > k_path_limit || rest_.size() > k_path_limit) {
      return Error::from_errno("resolve '" + printable(path) + "'", ELOOP);
    }
    if (target.starts_with('/')) stack_.resize(1);
    return push(target);
  }

  const std::vector<Dir>& layers_;
  std::deque<std::string> rest_;
  std::vector<MergedDir> stack_;
  int links_ = 0;
};

}  // namespace

Result<MergedView> MergedView::open(const std::vector<std::string>& top_first) {
  std::vector<Dir> layers;
  for (const auto& path : top_first) {
    if (!path.empty()) layers.push_back(TRY(Dir::open(path)));
  }
  return MergedView(std::move(layers));
}

Result<std::optional<Fd>> MergedView::open_file(std::string_view path) const {
  Walk walk(layers_);
  Found found = TRY(walk.resolve(path));
  if (found.kind == Found::Kind::none) return std::optional<Fd>();
  if (found.kind != Found::Kind::other || !S_ISREG(found.mode)) {
    return Error(Errc::invalid, "'" + printable(path) + "' in the image is not a regular file");
  }
  Fd file = TRY(found.in->open_file(walk.last_name, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  if (::fstat(file.get(), &info) < 0) return Error::from_errno("stat '" + printable(path) + "'");
  if (!S_ISREG(info.st_mode)) {
    return Error(Errc::invalid, "'" + printable(path) + "' in the image is not a regular file");
  }
  return std::optional(std::move(file));
}

Result<std::optional<std::string>> MergedView::read_file(std::string_view path, size_t limit_bytes) const {
  auto file = TRY(open_file(path));
  if (!file) return std::optional<std::string>();
  return std::optional(TRY(read_all(file->get(), limit_bytes, "'" + printable(path) + "' in the image")));
}

Result<MergedView::Type> MergedView::type(std::string_view path) const {
  Walk walk(layers_);
  Found found = TRY(walk.resolve(path));
  switch (found.kind) {
    case Found::Kind::none:
      return Type::none;
    case Found::Kind::directory:
      return Type::directory;
    case Found::Kind::link:
      return Type::symlink;
    case Found::Kind::other:
      return S_ISREG(found.mode) ? Type::file : Type::other;
  }
  return Type::none;
}

}  // namespace ctr::storage

#include "storage/merged_view.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <deque>

#include "base/text.h"
#include "storage/merged_dir.h"

namespace ctr::storage {
namespace {

// MAXSYMLINKS of Linux, path_resolution(7).
constexpr int k_link_limit = 40;
// PATH_MAX; also bounds the work a chain of links can cause.
constexpr size_t k_path_limit = 4096;

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
  Result<FoundEntry> resolve(std::string_view path) {
    TRY(push(path));
    stack_.push_back(TRY(duplicate(layers_)));
    FoundEntry found;
    found.kind = FoundEntry::Kind::directory;
    while (!rest_.empty()) {
      last_name = std::move(rest_.front());
      rest_.pop_front();
      if (last_name == "..") {
        if (stack_.size() > 1) stack_.pop_back();
        found = FoundEntry{};
        found.kind = FoundEntry::Kind::directory;
        continue;
      }
      found = TRY(look_up(stack_.back(), last_name));
      if (found.kind == FoundEntry::Kind::link) {
        TRY(follow(found.target, path));
        continue;
      }
      if (found.kind == FoundEntry::Kind::directory) {
        stack_.push_back(std::move(found.directory));
        continue;
      }
      if (!rest_.empty()) return FoundEntry{};  // a file in the middle of the path, or nothing there
    }
    return found;
  }

  std::string last_name;
  // Where it has come to.
  const MergedDir& place() const { return stack_.back(); }

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
  FoundEntry found = TRY(walk.resolve(path));
  if (found.kind == FoundEntry::Kind::none) return std::optional<Fd>();
  if (found.kind != FoundEntry::Kind::other || !S_ISREG(found.status.st_mode)) {
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

Result<std::vector<std::string>> MergedView::directories(std::string_view path) const {
  Walk walk(layers_);
  const auto found = TRY(walk.resolve(path));
  if (found.kind == FoundEntry::Kind::none) return Error(Errc::not_found, "there is no '" + printable(path) + "'");
  if (found.kind != FoundEntry::Kind::directory) {
    return Error(Errc::invalid, "'" + printable(path) + "' is not a directory");
  }
  std::vector<std::string> out;
  for (const Dir& dir : walk.place()) {
    auto& name = out.emplace_back(dir.path());
    if (const size_t own = name.find("/./"); own != std::string::npos) name.erase(own, 2);
    if (name.ends_with("/.")) name.resize(name.size() - 2);
  }
  return out;
}

Result<MergedView::Type> MergedView::type(std::string_view path) const {
  Walk walk(layers_);
  FoundEntry found = TRY(walk.resolve(path));
  switch (found.kind) {
    case FoundEntry::Kind::none:
      return Type::none;
    case FoundEntry::Kind::directory:
      return Type::directory;
    case FoundEntry::Kind::link:
      return Type::symlink;
    case FoundEntry::Kind::other:
      return S_ISREG(found.status.st_mode) ? Type::file : Type::other;
  }
  return Type::none;
}

}  // namespace ctr::storage

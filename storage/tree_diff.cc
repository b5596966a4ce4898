#include "storage/tree_diff.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/merged_dir.h"

namespace ctr::storage {
namespace {

using Kind = FoundEntry::Kind;

// A path of PATH_MAX bytes has no more components; each level holds descriptors of its layers.
constexpr int k_depth_limit = 2048;

Result<bool> same_directories(const MergedDir& a, const MergedDir& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    struct stat left{};
    struct stat right{};
    if (::fstat(a[i].fd(), &left) < 0 || ::fstat(b[i].fd(), &right) < 0) return Error::from_errno("stat a layer");
    if (left.st_dev != right.st_dev || left.st_ino != right.st_ino) return false;
  }
  return true;
}

// Archives keep whole seconds at times: then these decide.
bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && (a.tv_nsec == b.tv_nsec || a.tv_nsec == 0 || b.tv_nsec == 0);
}

// Source: what podman's storage compares.
bool same_status(const struct stat& a, const struct stat& b) {
  if (a.st_mode != b.st_mode || a.st_uid != b.st_uid || a.st_gid != b.st_gid || a.st_rdev != b.st_rdev) return false;
  return S_ISDIR(a.st_mode) || (a.st_size == b.st_size && same_time(a.st_mtim, b.st_mtim));
}

class TreeDiff {
 public:
  Result<void> walk(const MergedDir& newer, const MergedDir& older, const std::string& path, int depth) {
    if (depth > k_depth_limit) {
      return Error(Errc::invalid, fmt::format("'{}' is deeper than {} directories", printable(path), k_depth_limit));
    }
    if (TRY(same_directories(newer, older))) return ok();
    const auto names = TRY(list_names(newer));
    for (const auto& name : names) TRY(compare(newer, older, name, path + "/" + name, depth));
    for (const auto& name : TRY(list_names(older))) {
      if (!names.contains(name)) changes_[path + "/" + name] = PathChange::deleted;
    }
    return ok();
  }

  PathChanges take() { return std::move(changes_); }

 private:
  Result<void> compare(const MergedDir& newer, const MergedDir& older, const std::string& name, const std::string& path,
                       int depth) {
    const auto now = TRY(look_up(newer, name));
    const auto before = TRY(look_up(older, name));
    if (now.kind == Kind::none) return ok();  // gone while we look
    if (before.kind == Kind::none) {
      changes_[path] = PathChange::added;
    } else if (!same_status(now.status, before.status)) {
      changes_[path] = PathChange::changed;
    }
    if (now.kind != Kind::directory) return ok();
    const size_t seen = changes_.size();
    TRY(walk(now.directory, before.directory, path, depth + 1));
    if (changes_.size() > seen) changes_.emplace(path, PathChange::changed);
    return ok();
  }

  PathChanges changes_;
};

}  // namespace

Result<PathChanges> diff_trees(const std::vector<Dir>& newer, const std::vector<Dir>& older) {
  const auto as_merged = [](const std::vector<Dir>& layers) -> Result<MergedDir> {
    MergedDir root;
    for (const Dir& dir : layers) {
      root.push_back(TRY(dir.open_dir(".")));
      if (is_opaque(root.back())) break;
    }
    return root;
  };
  TreeDiff diff;
  TRY(diff.walk(TRY(as_merged(newer)), TRY(as_merged(older)), "", 0));
  return diff.take();
}

}  // namespace ctr::storage

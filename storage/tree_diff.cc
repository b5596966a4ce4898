#include "storage/tree_diff.h"

#include <algorithm>

#include "base/text.h"
#include "storage/merged_dir.h"

namespace ctr::storage {
namespace {

// Deeper than any tree of use; each level holds a few descriptors.
constexpr int k_depth_limit = 1024;

class LayerDiff {
 public:
  explicit LayerDiff(PathChanges& changes) : changes_(changes) {}

  // `below`: the same directory in the stack; empty when it is not there.
  Result<void> walk(const Dir& dir, const MergedDir& below, const std::string& path, int depth) {
    if (depth > k_depth_limit) {
      return Error(Errc::invalid, "'" + printable(path) + "' is deeper than " + std::to_string(k_depth_limit) + " levels");
    }
    auto names = TRY(dir.list());
    std::sort(names.begin(), names.end());
    for (const auto& name : names) TRY(look_at(dir, name, below, path, depth));
    if (is_opaque(dir) && !below.empty()) TRY(note_hidden(names, below, path));
    return ok();
  }

 private:
  Result<void> look_at(const Dir& dir, const std::string& name, const MergedDir& below, const std::string& path,
                       int depth) {
    const auto info = TRY(dir.find(name));
    if (!info || name == k_opaque_file) return ok();
    if (name.starts_with(k_whiteout_file_prefix)) {
      changes_[path + "/" + name.substr(k_whiteout_file_prefix.size())] = PathChange::deleted;
      return ok();
    }
    const auto full = path + "/" + name;
    if (is_whiteout(*info)) {
      changes_[full] = PathChange::deleted;
      return ok();
    }
    auto there = TRY(look_up(below, name));
    changes_[full] = there.kind == FoundEntry::Kind::none ? PathChange::added : PathChange::changed;
    if (!S_ISDIR(info->st_mode)) return ok();
    return walk(TRY(dir.open_dir(name)), there.directory, full, depth + 1);
  }

  // An opaque directory takes away what it does not hold itself.
  Result<void> note_hidden(const std::vector<std::string>& names, const MergedDir& below, const std::string& path) {
    for (const auto& name : TRY(list_names(below))) {
      if (!std::binary_search(names.begin(), names.end(), name)) changes_[path + "/" + name] = PathChange::deleted;
    }
    return ok();
  }

  PathChanges& changes_;
};

}  // namespace

Result<PathChanges> diff_layer(const Dir& layer, const std::vector<Dir>& below) {
  MergedDir root;
  for (const Dir& dir : below) {
    root.push_back(TRY(dir.open_dir(".")));
    if (is_opaque(root.back())) break;
  }
  PathChanges changes;
  TRY(LayerDiff(changes).walk(layer, root, "", 0));
  return changes;
}

void add_changes(PathChanges& earlier, const PathChanges& later) {
  for (const auto& [path, change] : later) {
    const auto before = earlier.find(path);
    if (before == earlier.end()) {
      earlier[path] = change;
    } else if (change == PathChange::deleted) {
      const bool was_new = before->second == PathChange::added;
      // What lay in a directory that is gone goes with it.
      const auto prefix = path + "/";
      std::erase_if(earlier, [&](const auto& entry) { return entry.first.starts_with(prefix); });
      if (was_new) {
        earlier.erase(path);
      } else {
        earlier[path] = PathChange::deleted;
      }
    } else if (before->second == PathChange::deleted) {
      before->second = PathChange::changed;
    }
  }
}

}  // namespace ctr::storage

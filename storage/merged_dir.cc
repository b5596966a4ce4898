#include "storage/merged_dir.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>

namespace ctr::storage {

bool is_whiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0); }

// Forms of "this directory hides what is below": native overlay with userxattr, fuse-overlayfs, and its fallback file.
bool is_opaque(const Dir& dir) {
  char value = 0;
  for (const char* name : {"user.overlay.opaque", "user.fuseoverlayfs.opaque"}) {
    if (::fgetxattr(dir.fd(), name, &value, 1) == 1 && value == 'y') return true;
  }
  return dir.exists(k_opaque_file);
}

Result<FoundEntry> look_up(const MergedDir& parent, const std::string& name) {
  FoundEntry found;
  for (const Dir& layer : parent) {
    auto info = TRY(layer.find(name));
    if (!info) {
      // fuse-overlayfs without the right to make device nodes writes these files.
      if (layer.exists(".wh." + name)) break;
      continue;
    }
    if (is_whiteout(*info)) break;
    if (S_ISDIR(info->st_mode)) {
      found.kind = FoundEntry::Kind::directory;
      found.directory.push_back(TRY(layer.open_dir(name)));
      if (is_opaque(found.directory.back())) break;
      continue;
    }
    if (found.kind == FoundEntry::Kind::directory) break;  // a file below a directory is hidden by it
    found.mode = info->st_mode;
    found.in = &layer;
    found.kind = S_ISLNK(info->st_mode) ? FoundEntry::Kind::link : FoundEntry::Kind::other;
    if (found.kind == FoundEntry::Kind::link) found.target = TRY(layer.read_symlink(name));
    break;
  }
  return found;
}

Result<std::set<std::string>> list_names(const MergedDir& directory) {
  std::set<std::string> names;
  std::set<std::string> hidden;
  for (const Dir& layer : directory) {
    std::set<std::string> hidden_here;
    for (auto& name : TRY(layer.list())) {
      const auto info = TRY(layer.find(name));
      if (!info || name == k_opaque_file) continue;
      if (name.starts_with(k_whiteout_file_prefix)) {
        hidden_here.insert(name.substr(k_whiteout_file_prefix.size()));
      } else if (is_whiteout(*info)) {
        hidden_here.insert(std::move(name));
      } else if (!hidden.contains(name)) {
        names.insert(std::move(name));
      }
    }
    hidden.merge(hidden_here);
  }
  return names;
}

}  // namespace ctr::storage

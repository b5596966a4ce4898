#include "storage/merged_dir.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

namespace ctr::storage {

bool is_whiteout(const Dir& dir, const std::string& name, const struct stat& info) {
  if (S_ISCHR(info.st_mode)) return info.st_rdev == makedev(0, 0);
  if (!S_ISREG(info.st_mode) || info.st_size != 0) return false;
  const auto path = fmt::format("/proc/self/fd/{}/{}", dir.fd(), name);
  for (const char* attribute : {"user.overlay.whiteout", "trusted.overlay.whiteout"}) {
    if (::lgetxattr(path.c_str(), attribute, nullptr, 0) >= 0) return true;
  }
  return false;
}

bool is_opaque(const Dir& dir) {
  char value = 0;
  for (const char* name : {"user.overlay.opaque", "user.fuseoverlayfs.opaque", "trusted.overlay.opaque"}) {
    if (::fgetxattr(dir.fd(), name, &value, 1) == 1 && value == 'y') return true;
  }
  return dir.exists(k_opaque_file);
}

Result<FoundEntry> look_up(const MergedDir& parent, const std::string& name) {
  FoundEntry found;
  for (const Dir& layer : parent) {
    auto info = TRY(layer.find(name));
    if (!info) {
      if (layer.exists(fmt::format("{}{}", k_whiteout_file_prefix, name))) break;
      continue;
    }
    if (is_whiteout(layer, name, *info)) break;
    if (S_ISDIR(info->st_mode)) {
      if (found.kind == FoundEntry::Kind::none) {
        found.kind = FoundEntry::Kind::directory;
        found.status = *info;
        found.in = &layer;
      }
      found.directory.push_back(TRY(layer.open_dir(name)));
      if (is_opaque(found.directory.back())) break;
      continue;
    }
    if (found.kind == FoundEntry::Kind::directory) break;  // a file below a directory is hidden by it
    found.status = *info;
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
      } else if (is_whiteout(layer, name, *info)) {
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

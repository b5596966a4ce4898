#include "storage/entry_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ctr::storage {
namespace {

// The largest id: (uid_t)-1 means "leave it" to chown(2).
constexpr int64_t k_largest_id = int64_t{UINT32_MAX} - 1;

constexpr std::string_view k_dropped_prefixes[] = {
    "trusted.overlay.", "user.overlay.",           "user.fuseoverlayfs.",
    "user.containers.", "user.rootlesscontainers", "security.selinux",
};

bool is_mapped(const std::vector<IdSpan>& spans, int64_t id) {
  return std::any_of(spans.begin(), spans.end(), [&](const IdSpan& span) {
    return id >= span.first && id - int64_t{span.first} < int64_t{span.count};
  });
}

Result<void> check_id(const TarEntry& entry, const char* kind, int64_t id, const std::vector<IdSpan>& spans,
                      bool ignore) {
  if (id < 0 || id > k_largest_id) {
    return Error(Errc::invalid, fmt::format("'{}' has the invalid {} {}", printable(entry.path), kind, id));
  }
  if (ignore || is_mapped(spans, id)) return ok();
  return Error(Errc::invalid,
               fmt::format("'{}' has the {} {}, which is not mapped for this user", printable(entry.path), kind, id))
      .with_hint("give the user more subordinate ids in /etc/subuid and /etc/subgid");
}

}  // namespace

Result<std::string> clean_entry_path(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) {
    return Error(Errc::corrupt, "'" + printable(path) + "' has a NUL byte");
  }
  std::string clean;
  clean.reserve(path.size());
  int64_t depth = 0;
  while (!path.empty()) {
    size_t end = std::min(path.find('/'), path.size());
    std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (part.empty() || part == ".") continue;
    depth += part == ".." ? -1 : 1;
    if (depth < 0) return Error(Errc::corrupt, "an entry of the layer leaves its directory with '..'");
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

bool is_aufs_metadata(std::string_view path) {
  for (size_t at = 0; at < path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view part = path.substr(at, end - at);
    if (part.starts_with(".wh..wh.") && part != k_opaque_name) return true;
    at = end + 1;
  }
  return false;
}

Result<void> check_whiteout_parents(std::string_view path) {
  size_t at = 0;
  for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', at)) {
    if (path.substr(at, slash - at).starts_with(k_whiteout_prefix)) {
      return Error(Errc::corrupt, "'" + printable(path) + "' lies below a whiteout");
    }
    at = slash + 1;
  }
  return ok();
}

Result<void> check_entry_owner(const TarEntry& entry, const OwnerRules& rules) {
  TRY(check_id(entry, "uid", entry.uid, rules.uids, rules.ignore));
  return check_id(entry, "gid", entry.gid, rules.gids, rules.ignore);
}

XattrUse xattr_use(std::string_view name) {
  for (auto prefix : k_dropped_prefixes) {
    if (name.starts_with(prefix)) return XattrUse::drop;
  }
  if (name == "security.capability" || name.starts_with("user.")) return XattrUse::required;
  return XattrUse::optional;
}

}  // namespace ctr::storage

#include "registry/aliases.h"

#include "base/file.h"
#include "base/lock.h"
#include "registry/policy.h"

namespace ctr::registry {
namespace {

constexpr const char* k_file_name = "short-name-aliases.conf";
constexpr size_t k_limit_bytes = size_t{1} << 20;

std::string directory_of(const UserPaths& paths) { return paths.cache_home + "/containers"; }

// Names follow the grammar of references: nothing in them needs an escape.
std::string print_aliases(const std::map<std::string, std::string>& aliases) {
  std::string text = "[aliases]\n";
  for (const auto& [name, target] : aliases) text += "  \"" + name + "\" = \"" + target + "\"\n";
  return text;
}

}  // namespace

std::string recorded_aliases_path(const UserPaths& paths) { return directory_of(paths) + "/" + k_file_name; }

Result<void> record_alias(const UserPaths& paths, const std::string& short_name, const std::string& full_name,
                          const CancelToken& cancel) {
  const auto run = TRY(Dir::open_or_make(paths.run, 0700));
  const auto lock = TRY(FileLock::acquire(run, "aliases.lock", LockMode::exclusive, cancel));
  const std::string path = recorded_aliases_path(paths);
  RegistriesConfig recorded;
  if (const auto text = TRY(read_file_if_exists(path, k_limit_bytes))) {
    TRY(merge_registries_toml(recorded, *text, path));
  }
  recorded.aliases[short_name] = full_name;
  const auto dir = TRY(Dir::open_or_make(directory_of(paths), 0700));
  return dir.write_file(k_file_name, print_aliases(recorded.aliases), Sync::no, 0600);
}

}  // namespace ctr::registry

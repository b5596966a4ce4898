#include "runtime/container/state_root.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/random.h"
#include "base/text.h"
#include "runtime/host_facts.h"

namespace ctr::runtime {
namespace {

// Longer names do not fit with what is made of them: NAME_MAX is 255, and cgroups have a prefix and a suffix.
constexpr size_t k_max_id = 200;

bool is_id_character(char c, bool first) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return c == '_' || c == '+' || c == '-' || (c == '.' && !first);
}

// A directory that was removed while we waited for its lock is no container any more.
Result<bool> is_same_directory(const Dir& parent, const std::string& name, const Dir& dir) {
  const auto found = TRY(parent.find(name));
  struct stat status{};
  if (::fstat(dir.fd(), &status) < 0) return Error::from_errno("stat '" + dir.path() + "'");
  return found && found->st_ino == status.st_ino && found->st_dev == status.st_dev;
}

Error no_container(const std::string& id) {
  return Error(Errc::not_found, fmt::format("container '{}' does not exist", printable(id)));
}

Error container_exists(const std::string& id) {
  return Error(Errc::exists, fmt::format("container '{}' already exists", id));
}

}  // namespace

Result<void> check_container_id(std::string_view id) {
  if (id.empty()) return Error(Errc::invalid, "container id cannot be empty");
  if (id.size() > k_max_id) {
    return Error(Errc::invalid,
                 fmt::format("the container id has {} characters; {} are possible", id.size(), k_max_id));
  }
  for (size_t i = 0; i < id.size(); ++i) {
    if (is_id_character(id[i], i == 0)) continue;
    return Error(Errc::invalid, fmt::format("invalid container id '{}': letters, digits and _ + - . are possible, with "
                                            "no . in front",
                                            printable(id)));
  }
  return ok();
}

Result<std::string> default_state_root(const Environment& environment) {
  const uint32_t uid = ::geteuid();
  if (uid == 0 && !in_user_namespace()) return std::string("/run/ctr-runtime");
  return TRY(find_user_paths(environment, uid)).runtime_dir + "/ctr-runtime";
}

Result<StateRoot> StateRoot::open_or_make(const std::string& path) {
  return StateRoot(TRY(Dir::open_or_make(path, 0700).context("open the state directory")));
}

Result<std::optional<StateRoot>> StateRoot::open(const std::string& path) {
  auto dir = Dir::open(path);
  if (!dir && dir.error().code() == Errc::not_found) return std::optional<StateRoot>();
  return std::optional(StateRoot(TRY(std::move(dir))));
}

Result<std::optional<LockedContainer>> StateRoot::try_reserve(const std::string& id) const {
  auto made = dir_.make_dir(id, 0700);
  if (!made && made.error().sys() != EEXIST) return std::move(made).error();
  Dir dir = TRY(dir_.open_dir(id));
  auto lock = TRY(FileLock::try_acquire(dir, k_container_lock, LockMode::exclusive));
  if (!lock || !TRY(is_same_directory(dir_, id, dir))) return std::optional<LockedContainer>();
  auto record = read_record(dir);
  if (record || record.error().code() != Errc::not_found) return std::optional<LockedContainer>();
  ContainerRecord empty;
  empty.id = id;
  return std::optional(LockedContainer{.dir = std::move(dir), .lock = std::move(*lock), .record = std::move(empty)});
}

Result<LockedContainer> StateRoot::reserve(const std::string& id) const {
  TRY(check_container_id(id));
  auto reserved = try_reserve(id);
  // It was removed between two of the steps.
  if (!reserved && reserved.error().code() == Errc::not_found) return container_exists(id);
  if (!reserved) return std::move(reserved).error();
  if (!*reserved) return container_exists(id);
  return std::move(**reserved);
}

Result<Dir> StateRoot::find(const std::string& id) const {
  TRY(check_container_id(id));
  auto dir = dir_.open_dir(id);
  if (!dir && dir.error().code() == Errc::not_found) return no_container(id);
  return dir;
}

Result<LockedContainer> StateRoot::lock(const std::string& id) const {
  Dir dir = TRY(find(id));
  auto lock = FileLock::acquire(dir, k_container_lock, LockMode::exclusive);
  if (!lock && lock.error().code() == Errc::not_found) return no_container(id);
  FileLock held = TRY(std::move(lock));
  if (!TRY(is_same_directory(dir_, id, dir))) return no_container(id);
  auto record = read_record(dir);
  // Nothing was made yet: what is left of the directory can go.
  if (!record && record.error().code() == Errc::not_found) {
    ContainerRecord empty;
    empty.id = id;
    return LockedContainer{.dir = std::move(dir), .lock = std::move(held), .record = std::move(empty)};
  }
  if (!record) return std::move(record).error();
  return LockedContainer{.dir = std::move(dir), .lock = std::move(held), .record = std::move(*record)};
}

Result<void> StateRoot::remove(LockedContainer container) const {
  // Out of the way first: who finds the name while its files go would find half of a container.
  const std::string gone = ".gone-" + random_hex(8);
  TRY(dir_.rename(container.record.id, dir_, gone));
  return remove_tree(dir_, gone);
}

Result<Dir> StateRoot::filter_cache() const {
  // No id begins with a dot: see check_container_id().
  constexpr const char* k_filter_cache = ".filters";
  auto made = dir_.make_dir(k_filter_cache, 0700);
  if (!made && made.error().sys() != EEXIST) return std::move(made).error();
  return dir_.open_dir(k_filter_cache);
}

Result<void> StateRoot::let_through(const Dir& container_dir) const {
  for (const Dir* dir : {&dir_, &container_dir}) {
    if (::fchmod(dir->fd(), 0711) < 0) return Error::from_errno(fmt::format("set the mode of '{}'", dir->path()));
  }
  return ok();
}

Result<std::vector<std::string>> StateRoot::list() const {
  std::vector<std::string> ids;
  for (std::string& name : TRY(dir_.list())) {
    if (check_container_id(name)) ids.push_back(std::move(name));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace ctr::runtime

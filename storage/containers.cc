#include "storage/containers.h"

#include <fcntl.h>

#include <algorithm>

#include "base/random.h"
#include "base/text.h"
#include "storage/root.h"
#include "storage/running.h"
#include "storage/staging.h"
#include "storage/trash.h"

namespace ctr::storage {
namespace {

constexpr const char* k_lock_name = "lock";
constexpr const char* k_alive_name = "alive";
constexpr const char* k_state_name = "state.json";
// NAME_MAX is 255; two bytes are left for names derived from it.
constexpr size_t k_name_limit = 253;
constexpr size_t k_id_digits = 64;
// What one creation clears away of dead ones.
constexpr size_t k_sweep_limit = 8;

using Kind = ContainerDirs::Kind;

// Where the directories and the names of one kind are.
struct Places {
  Area dirs, staging, names;
  const char* link_prefix;
  const char* word;
};
constexpr Places k_places[] = {
    {Area::containers, Area::container_staging, Area::names, "../containers/", "container"},
    {Area::pods, Area::pod_staging, Area::pod_names, "../pods/", "pod"},
};
const Places& places_of(Kind kind) { return k_places[static_cast<size_t>(kind)]; }

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

// The id a name links to; nullopt for a name that does not exist or a link of another form.
Result<std::optional<ContainerId>> read_name(const Places& places, const Dir& names, const std::string& name) {
  auto target = names.read_symlink(name);
  if (!target && (target.error().sys() == ENOENT || target.error().sys() == EINVAL))
    return std::optional<ContainerId>();
  std::string text = TRY(std::move(target));
  const std::string_view prefix = places.link_prefix;
  if (!text.starts_with(prefix)) return std::optional<ContainerId>();
  auto id = ContainerId::parse(text.substr(prefix.size()));
  if (!id) return std::optional<ContainerId>();
  return std::optional(std::move(*id));
}

// The lock over taking names away, held on the names directory itself so that it needs no file. Making a link needs no
// lock: the kernel lets one of two win.
Result<FileLock> lock_names(const StoreRoot& root, const Places& places, const CancelToken& cancel) {
  const Dir* names = TRY(root.area(places.names));
  Fd again = TRY(open_path("/proc/self/fd/" + std::to_string(names->fd()), O_RDONLY | O_DIRECTORY));
  return root.lock_open(std::move(again), LockMode::exclusive, cancel, std::string("the ") + places.word + " names");
}

// Unlinks `name` if it still means `id`.
Result<void> free_name(const StoreRoot& root, const Places& places, const std::string& name, const ContainerId& id,
                       const CancelToken& cancel) {
  FileLock lock = TRY(lock_names(root, places, cancel));
  const Dir* names = TRY(root.area(places.names));
  auto owner = TRY(read_name(places, *names, name));
  if (!owner || *owner != id) return ok();
  return names->remove_file(name);
}

// True when a container or a live creation has the name that links to `id`.
Result<bool> is_owner_alive(const StoreRoot& root, const Places& places, const ContainerId& id) {
  // Staging first: a commit between the two questions moves it from the one to the other place.
  if (TRY(is_staged(root, places.staging, id.text()))) return true;
  return TRY(root.area(places.dirs))->exists(id.text());
}

// Links `name` to `id`, taking over a link that a dead creation left.
Result<void> reserve_name(const StoreRoot& root, const Places& places, const std::string& name, const ContainerId& id,
                          const CancelToken& cancel) {
  const Dir* names = TRY(root.area(places.names));
  while (true) {
    auto made = names->make_symlink(places.link_prefix + id.text(), name);
    if (made || made.error().sys() != EEXIST) return made;
    auto owner = TRY(read_name(places, *names, name));
    if (!owner && names->exists(name)) {
      return Error(Errc::corrupt, "'" + names->path() + "/" + name + "' is not a link to a " + places.word);
    }
    if (!owner) continue;  // freed in between
    if (TRY(is_owner_alive(root, places, *owner))) {
      return Error(Errc::exists,
                   std::string("the ") + places.word + " name '" + name + "' is already in use by " + owner->text())
          .with_hint(std::string("remove or rename that ") + places.word + ", or choose another name");
    }
    TRY(free_name(root, places, name, *owner, cancel));
  }
}

Result<void> fill(const Dir& dir, Kind kind) {
  for (const char* name : {k_lock_name, k_alive_name}) (void)TRY(dir.open_file(name, O_RDWR | O_CREAT, 0600));
  if (kind == Kind::pods) return ok();
  TRY(dir.make_dir("rw", 0700));
  // The root directory of the container has the mode of its upper directory.
  TRY(dir.make_dir("rw/upper", 0755));
  return dir.make_dir("rw/work", 0700);
}

}  // namespace

ContainerId ContainerId::make_random() {
  while (true) {
    std::string text = random_hex(k_id_digits / 2);
    // A short id that is all digits reads as a number in YAML and in scripts.
    if (text.find_first_not_of("0123456789") < 12) return ContainerId(std::move(text));
  }
}

Result<ContainerId> ContainerId::parse(std::string_view text) {
  if (text.size() != k_id_digits || !is_lower_hex(text)) {
    return Error(Errc::invalid, "'" + printable(text) + "' is not a container id");
  }
  return ContainerId(std::string(text));
}

Result<void> check_name(std::string_view name, std::string_view what) {
  bool fits = !name.empty() && name.size() <= k_name_limit && std::all_of(name.begin(), name.end(), is_name_char) &&
              std::string_view("_.-").find(name.front()) == std::string_view::npos;
  if (fits) return ok();
  return Error(Errc::invalid, "'" + printable(name) + "' is not a valid " + std::string(what))
      .with_hint("names match [a-zA-Z0-9][a-zA-Z0-9_.-]* and have at most 253 characters");
}

struct ContainerStaging::State {
  const StoreRoot* root;
  Kind kind;
  ContainerId id;
  std::string name;
  std::string final_path;
  StagingDir staging;
  bool committed = false;

  State(const StoreRoot& root_in, Kind kind_in, ContainerId id_in, std::string path, StagingDir staging_in)
      : root(&root_in),
        kind(kind_in),
        id(std::move(id_in)),
        final_path(std::move(path)),
        staging(std::move(staging_in)) {}
  ~State() {
    if (committed || name.empty()) return;
    free_name(*root, places_of(kind), name, id, {}).ignore("the next container of that name takes the link over");
  }
};

ContainerStaging::ContainerStaging(std::unique_ptr<State> state) : state_(std::move(state)) {}
ContainerStaging::ContainerStaging(ContainerStaging&&) noexcept = default;
ContainerStaging& ContainerStaging::operator=(ContainerStaging&&) noexcept = default;
ContainerStaging::~ContainerStaging() = default;

const ContainerId& ContainerStaging::id() const { return state_->id; }
const Dir& ContainerStaging::dir() const { return state_->staging.dir(); }
const std::string& ContainerStaging::final_path() const { return state_->final_path; }

Result<void> ContainerStaging::commit() {
  const Dir* containers = TRY(state_->root->area(places_of(state_->kind).dirs));
  TRY(state_->staging.publish(*containers, state_->id.text()));
  state_->committed = true;
  return ok();
}

Result<ContainerStaging> ContainerDirs::begin(const ContainerId& id, const std::string& name,
                                              const CancelToken& cancel) const {
  const Places& places = places_of(kind_);
  TRY(check_name(name, std::string(places.word) + " name"));
  // A creation that died has left its name, too.
  if (TRY(sweep_staging(*root_, places.staging, k_sweep_limit)) > 0) TRY(sweep_names(k_sweep_limit));
  root_->keep_reserve();
  // The directory comes before the name: a link without a staged or committed directory belongs to nobody alive.
  StagingDir staging = TRY(StagingDir::make(*root_, places.staging, id.text(), 0700));
  auto state = std::make_unique<ContainerStaging::State>(*root_, kind_, id, path(id), std::move(staging));
  TRY(reserve_name(*root_, places, name, id, cancel));
  state->name = name;
  TRY(fill(state->staging.dir(), kind_));
  return ContainerStaging(std::move(state));
}

Result<std::vector<ContainerEntry>> ContainerDirs::list() const {
  auto entries = TRY(list_unnamed());
  TRY(add_names(entries));
  return entries;
}

Result<std::vector<ContainerEntry>> ContainerDirs::list_unnamed() const {
  std::vector<ContainerEntry> entries;
  const Dir* containers = TRY(root_->find_area(places_of(kind_).dirs));
  if (containers == nullptr) return entries;
  const auto names = TRY(containers->list());
  entries.reserve(names.size());
  for (const auto& text : names) {
    auto id = ContainerId::parse(text);
    if (id) entries.push_back({std::move(*id), ""});
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return entries;
}

Result<void> ContainerDirs::add_names(std::vector<ContainerEntry>& entries) const {
  if (entries.empty()) return ok();
  const Dir* names = TRY(root_->area(places_of(kind_).names));
  for (auto& name : TRY(names->list())) {
    auto id = TRY(read_name(places_of(kind_), *names, name));
    if (!id) continue;
    auto at =
        std::lower_bound(entries.begin(), entries.end(), *id, [](const auto& a, const auto& b) { return a.id < b; });
    if (at != entries.end() && at->id == *id) at->name = std::move(name);
  }
  return ok();
}

Result<ContainerEntry> ContainerDirs::resolve(std::string_view name_or_id) const {
  if (check_name(name_or_id, "name")) {
    const Dir* names = TRY(root_->area(places_of(kind_).names));
    auto id = TRY(read_name(places_of(kind_), *names, std::string(name_or_id)));
    if (id && has(*id)) return ContainerEntry{std::move(*id), std::string(name_or_id)};
  }
  std::vector<ContainerId> matches;
  if (!name_or_id.empty() && name_or_id.size() <= k_id_digits && is_lower_hex(name_or_id)) {
    const Dir* containers = TRY(root_->area(places_of(kind_).dirs));
    for (const auto& text : TRY(containers->list())) {
      auto id = text.starts_with(name_or_id) ? ContainerId::parse(text) : Result<ContainerId>(Error(Errc::invalid, ""));
      if (id) matches.push_back(std::move(*id));
    }
  }
  if (matches.empty())
    return Error(Errc::not_found,
                 "no " + std::string(places_of(kind_).word) + " with name or id '" + printable(name_or_id) + "'");
  if (matches.size() > 1) {
    return Error(Errc::invalid, "'" + std::string(name_or_id) + "' is the beginning of " +
                                    std::to_string(matches.size()) + " " + places_of(kind_).word + " ids")
        .with_hint("give more digits: " + matches[0].short_text() + ", " + matches[1].short_text());
  }
  return ContainerEntry{matches[0], TRY(find_name(matches[0]))};
}

Result<std::string> ContainerDirs::find_name(const ContainerId& id) const {
  const Dir* names = TRY(root_->area(places_of(kind_).names));
  for (auto& name : TRY(names->list())) {
    auto owner = TRY(read_name(places_of(kind_), *names, name));
    if (owner && *owner == id) return std::move(name);
  }
  return std::string();
}

Result<void> ContainerDirs::sweep_names(size_t limit) const {
  const Dir* names = TRY(root_->find_area(places_of(kind_).names));
  if (names == nullptr) return ok();
  for (const auto& name : TRY(names->list())) {
    if (limit == 0) break;
    auto owner = TRY(read_name(places_of(kind_), *names, name));
    if (!owner || TRY(is_owner_alive(*root_, places_of(kind_), *owner))) continue;
    TRY(free_name(*root_, places_of(kind_), name, *owner, {}));
    --limit;
  }
  return ok();
}

bool ContainerDirs::has(const ContainerId& id) const {
  auto containers = root_->area(places_of(kind_).dirs);
  return containers && (*containers)->exists(id.text());
}

Result<Dir> ContainerDirs::open(const ContainerId& id) const {
  auto dir = TRY(root_->area(places_of(kind_).dirs))->open_dir(id.text());
  if (!dir && dir.error().sys() == ENOENT)
    return Error(Errc::not_found, "no " + std::string(places_of(kind_).word) + " with id '" + id.text() + "'");
  return dir;
}

std::string ContainerDirs::path(const ContainerId& id) const {
  return root_->area_path(places_of(kind_).dirs) + "/" + id.text();
}

Result<void> ContainerDirs::rename(const ContainerId& id, const std::string& new_name,
                                   const CancelToken& cancel) const {
  TRY(check_name(new_name, std::string(places_of(kind_).word) + " name"));
  if (!has(id))
    return Error(Errc::not_found, "no " + std::string(places_of(kind_).word) + " with id '" + id.text() + "'");
  const Dir* names = TRY(root_->area(places_of(kind_).names));
  std::string old_name = TRY(find_name(id));
  if (old_name == new_name) return ok();
  if (kind_ == Kind::containers) TRY(forget_running(root_->dir(), id));
  if (old_name.empty()) return reserve_name(*root_, places_of(kind_), new_name, id, cancel);
  while (true) {
    auto moved = names->rename(old_name, *names, new_name, RENAME_NOREPLACE);
    if (moved || moved.error().sys() != EEXIST) return moved;
    auto owner = TRY(read_name(places_of(kind_), *names, new_name));
    if (owner && TRY(is_owner_alive(*root_, places_of(kind_), *owner))) {
      return Error(Errc::exists, std::string("the ") + places_of(kind_).word + " name '" + new_name +
                                     "' is already in use by " + owner->text());
    }
    if (!owner && names->exists(new_name)) {
      return Error(Errc::corrupt,
                   "'" + names->path() + "/" + new_name + "' is not a link to a " + places_of(kind_).word);
    }
    if (owner) TRY(free_name(*root_, places_of(kind_), new_name, *owner, cancel));
  }
}

Result<FileLock> ContainerDirs::lock(const ContainerId& id, LockMode mode, const CancelToken& cancel) const {
  FileLock lock = TRY(root_->lock_open(TRY(TRY(open(id)).open_file(k_lock_name, O_RDWR)), mode, cancel,
                                       std::string(places_of(kind_).word) + " '" + id.short_text() + "'"));
  if (!has(id))
    return Error(Errc::not_found, "no " + std::string(places_of(kind_).word) + " with id '" + id.text() + "'");
  return lock;
}

Result<std::optional<FileLock>> ContainerDirs::try_lock(const ContainerId& id, LockMode mode) const {
  return FileLock::try_acquire(TRY(open(id)), k_lock_name, mode);
}

Result<std::optional<FileLock>> ContainerDirs::try_hold_alive(const ContainerId& id) const {
  return FileLock::try_acquire(TRY(open(id)), k_alive_name, LockMode::exclusive);
}

Result<bool> ContainerDirs::is_running(const ContainerId& id) const {
  const Dir* containers = TRY(root_->area(places_of(kind_).dirs));
  return is_locked(*containers, id.text() + "/" + k_alive_name);
}

Result<std::optional<Json>> ContainerDirs::read_state(const ContainerId& id) const {
  const Dir* containers = TRY(root_->area(places_of(kind_).dirs));
  std::string name = id.text() + "/" + k_state_name;
  auto text = containers->read_file(name);
  if (!text && text.error().sys() == ENOENT) return std::optional<Json>();
  return std::optional(TRY(parse_json(TRY(std::move(text)), "'" + containers->path() + "/" + name + "'")));
}

Result<void> ContainerDirs::write_state(const ContainerId& id, const Json& state) const {
  return TRY(open(id)).write_file(k_state_name, dump_json(state) + "\n", Sync::no);
}

Result<void> ContainerDirs::remove(const ContainerId& id) const {
  std::string name = TRY(find_name(id));
  TRY(Trash(*root_).discard(*TRY(root_->area(places_of(kind_).dirs)), id.text()));
  // The name goes last: a link whose container is gone is taken over by the next one, the reverse would hide it.
  if (name.empty()) return ok();
  return free_name(*root_, places_of(kind_), name, id, {});
}

}  // namespace ctr::storage

// Container directories and names.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/result.h"

namespace ctr::storage {

class StoreRoot;

// 64 lower-case hex digits.
class ContainerId {
 public:
  static ContainerId make_random();
  // Errors: invalid.
  static Result<ContainerId> parse(std::string_view text);
  const std::string& text() const { return text_; }
  // The first 12 digits, as people see it.
  std::string short_text() const { return text_.substr(0, 12); }
  bool operator==(const ContainerId&) const = default;
  auto operator<=>(const ContainerId&) const = default;

 private:
  explicit ContainerId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 253 bytes: names of containers and volumes. Errors: invalid, naming `what`.
// Source: podman's define.NameRegex.
Result<void> check_name(std::string_view name, std::string_view what);

// A container directory on its way: containers/.staging/<id>/, held by a flock on the directory, and its name.
//
// It is made with `lock`, `alive` and rw/{upper,work}; the caller writes config.json, container.json and state.json.
// Destroyed before commit(), directory and name go.
class [[nodiscard]] ContainerStaging {
 public:
  ContainerStaging(ContainerStaging&&) noexcept;
  ContainerStaging& operator=(ContainerStaging&&) noexcept;
  ~ContainerStaging();

  const ContainerId& id() const;
  const Dir& dir() const;
  // The path the directory has after commit(): what records and the OCI configuration name.
  const std::string& final_path() const;
  // Makes it visible by rename. Content of immutable records is synced by the caller's write_file(Sync::yes).
  Result<void> commit();

 private:
  friend class ContainerDirs;
  struct State;
  explicit ContainerStaging(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct ContainerEntry {
  ContainerId id;
  std::string name;  // empty when a crash between two steps took it
};

class ContainerDirs {
 public:
  // Pods have directories and names of their own, which work the same way: they have no rw/.
  enum class Kind { containers, pods };
  explicit ContainerDirs(const StoreRoot& root, Kind kind = Kind::containers) : root_(&root), kind_(kind) {}

  // Reserves `name` and starts a directory. The reservation is a symbolic link: the kernel decides the race. A link
  // that a dead creation left behind is taken over. Errors: exists (the name belongs to a container, which is named),
  // invalid.
  Result<ContainerStaging> begin(const ContainerId& id, const std::string& name, const CancelToken& cancel = {}) const;

  // Sorted by id. A few system calls when there are no containers.
  Result<std::vector<ContainerEntry>> list() const;
  // The same without the names, which cost a system call each.
  Result<std::vector<ContainerEntry>> list_unnamed() const;
  // Fills in the names of such a list.
  Result<void> add_names(std::vector<ContainerEntry>& entries) const;
  // By exact name, else by id or unique prefix of an id. Errors: not_found, invalid when a prefix fits several.
  Result<ContainerEntry> resolve(std::string_view name_or_id) const;
  // The name of a container, empty when it has none.
  Result<std::string> find_name(const ContainerId& id) const;
  bool has(const ContainerId& id) const;
  // Errors: not_found.
  Result<Dir> open(const ContainerId& id) const;
  // Absolute path of its directory.
  std::string path(const ContainerId& id) const;

  // Errors: exists, not_found.
  Result<void> rename(const ContainerId& id, const std::string& new_name, const CancelToken& cancel = {}) const;

  // The lock of one container: held by verbs that change it, for as little as possible. Errors: not_found when the
  // container goes away while waiting, interrupted.
  Result<FileLock> lock(const ContainerId& id, LockMode mode, const CancelToken& cancel = {}) const;
  Result<std::optional<FileLock>> try_lock(const ContainerId& id, LockMode mode) const;
  // The monitor holds `alive` exclusively for its life: that is what running means.
  Result<std::optional<FileLock>> try_hold_alive(const ContainerId& id) const;
  Result<bool> is_running(const ContainerId& id) const;

  // state.json: small, mutable, replaced by rename, never synced. The content is the engine's.
  // nullopt when there is none.
  Result<std::optional<Json>> read_state(const ContainerId& id) const;
  Result<void> write_state(const ContainerId& id, const Json& state) const;

  // Takes the directory into the trash and frees the name; instant whatever the size. The caller holds lock()
  // exclusively and has made sure that nothing runs. A missing container is fine.
  Result<void> remove(const ContainerId& id) const;
  // Takes away at most `limit` names whose container or creation is gone: what a kill in the middle of either leaves.
  Result<void> sweep_names(size_t limit) const;

 private:
  const StoreRoot* root_;
  Kind kind_;
};

}  // namespace ctr::storage

// The directory of all containers of one user: `<root>/<id>/` with
//
//   state.json   ContainerRecord
//   config.json  the configuration as it was at create
//   lock         held by the command that changes the container
//   waiting      held by the container's first process until its program runs
//   start        socket on which it waits to be started
//   notify/      bound into the container when the caller has a NOTIFY_SOCKET
//
// and `<root>/.filters/` with compiled seccomp filters.
//
// A directory whose lock is free and which has no state.json was left by a command that was killed before it had made
// anything.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/lock.h"
#include "base/paths.h"
#include "base/result.h"
#include "runtime/container/record.h"

namespace ctr::runtime {

inline constexpr const char* k_config_file = "config.json";
inline constexpr const char* k_container_lock = "lock";
inline constexpr const char* k_waiting_lock = "waiting";
inline constexpr const char* k_start_socket = "start";

// Errors: invalid. Source: what crun and runc accept, within what a file name can be.
Result<void> check_container_id(std::string_view id);

// /run/ctr-runtime for root of the machine, else ctr-runtime in the user's runtime directory: root of a user namespace
// has no /run of its own.
Result<std::string> default_state_root(const Environment& environment);

// A container's directory with its lock held: what it says does not change meanwhile.
struct LockedContainer {
  Dir dir;
  FileLock lock;
  ContainerRecord record;
};

class [[nodiscard]] StateRoot {
 public:
  // Made when it is missing.
  static Result<StateRoot> open_or_make(const std::string& path);
  // nullopt when it is missing.
  static Result<std::optional<StateRoot>> open(const std::string& path);

  // Makes the directory of a container that is not there yet, locked; its record is empty but for the id.
  // Errors: exists.
  Result<LockedContainer> reserve(const std::string& id) const;
  // Errors: not_found.
  Result<LockedContainer> lock(const std::string& id) const;
  // Without the lock: the record may be of a moment ago. Errors: not_found.
  Result<Dir> find(const std::string& id) const;
  // Removes everything below. The lock is held until the last name is gone.
  Result<void> remove(LockedContainer container) const;
  // Where compiled seccomp filters are kept; made when it is missing.
  Result<Dir> filter_cache() const;
  // Lets other users pass through to what the container's directory shows them, without letting them list anything.
  Result<void> let_through(const Dir& container_dir) const;
  // Sorted.
  Result<std::vector<std::string>> list() const;

 private:
  explicit StateRoot(Dir dir) : dir_(std::move(dir)) {}
  Result<std::optional<LockedContainer>> try_reserve(const std::string& id) const;
  Dir dir_;
};

}  // namespace ctr::runtime

// One cgroup of v2: made with its parents, limits written and checked, frozen, killed and removed as a whole.
//
// Source: Documentation/admin-guide/cgroup-v2.rst of the kernel.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "runtime/spec_resources.h"

namespace ctr::runtime {

class [[nodiscard]] Cgroup {
 public:
  // What becomes of a cgroup that is there already. One with processes in it, or a frozen one, is an error either way.
  enum class Existing {
    replace,  // it is ours, of a run that was killed: its limits must not be inherited
    keep,     // somebody made it for us
  };
  // `path` is absolute below `mount_point`. Missing parents are made, and `controllers` are enabled down to it as far
  // as they are to be had. Errors: in_use (processes), bad_state (frozen), permission.
  static Result<Cgroup> make(const std::string& mount_point, const std::string& path, Existing existing,
                             const std::vector<std::string>& controllers);
  // Errors: not_found.
  static Result<Cgroup> open(const std::string& mount_point, const std::string& path);

  // For clone3(CLONE_INTO_CGROUP).
  int fd() const { return dir_.fd(); }
  const Dir& dir() const { return dir_; }
  // Below the mount point: what a record keeps.
  const std::string& path() const { return path_; }
  // True when make() made it and nobody else.
  bool is_new() const { return new_; }

  // Writes the limits and checks that they hold. Errors: unsupported (a controller or a file is missing), invalid, and
  // what the kernel says, with the limit's name.
  Result<void> apply(const SpecResources& resources) const;
  // Rewrites the limits that are set in `resources`; the others stay. Errors: as apply(), and as check_memory_use().
  Result<void> update(const SpecResources& resources) const;
  // Moves a process here. The cost is a lock on all forks of the machine: clone3 with fd() is better.
  Result<void> add(pid_t pid) const;
  // A cgroup below this one with such controllers, which processes in this one itself forbid. Errors: exists.
  Result<Cgroup> make_child(const std::string& name, const std::vector<std::string>& controllers) const;
  // Gives the container's root the files that delegation needs (cgroups(7)). Errors: permission is passed over, since a
  // plain user has no right to give away, and owns them already in the usual case.
  Result<void> give_to(uid_t uid, gid_t gid) const;

  // SIGKILL to every process in it and below, at once, also when it is frozen.
  Result<void> kill() const;
  // Return once every process has stopped, or runs again. Errors: timed_out after ten seconds; it is thawed again then.
  Result<void> freeze() const;
  Result<void> thaw() const;
  // True when it or a cgroup above it is frozen.
  bool is_frozen() const;
  bool has_processes() const;
  // Of it and of the cgroups below.
  Result<std::vector<pid_t>> processes() const;
  // True when an OOM kill has been counted.
  bool oom_killed() const;
  // Removes it and the cgroups below; waits for dying processes up to ten seconds. Missing is fine.
  Result<void> remove();
  // The cgroups below it only.
  Result<void> remove_children() const;

 private:
  Cgroup(Dir dir, std::string mount_point, std::string path, bool is_new)
      : dir_(std::move(dir)), mount_point_(std::move(mount_point)), path_(std::move(path)), new_(is_new) {}
  Result<void> set_frozen(bool frozen) const;

  Dir dir_;
  std::string mount_point_;
  std::string path_;
  bool new_ = false;
};

}  // namespace ctr::runtime

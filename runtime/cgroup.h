// Cgroup of a container: created below our delegated cgroup, limits written and checked, killed and removed as a whole.
//
// Only cgroup v2. Where it is not delegated, limits are refused and everything else works without.
// Source: Documentation/admin-guide/cgroup-v2.rst of the kernel.
#pragma once

#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/file.h"
#include "base/result.h"
#include "runtime/host_facts.h"
#include "runtime/spec.h"

namespace ctr::runtime {

// True when `resources` asks for something only a cgroup can do (a memory, cpu, pids or io limit, unified keys).
bool wants_cgroup(const SpecResources& resources);
// Refuses limits that this host cannot apply. Errors: unsupported, naming the first limit, with the fix as hint.
Result<void> check_limits(const SpecResources& resources, const HostFacts& host);

class [[nodiscard]] Cgroup {
 public:
  // Creates `ctr-<id>` and writes the limits; nullopt when this host delegates nothing and no limit is asked for.
  // Errors: unsupported as check_limits; exists when processes of another container are in it.
  static Result<std::optional<Cgroup>> create(const std::string& container_id, const SpecResources& resources,
                                              const HostFacts& host);
  // An existing one by its path below the v2 mount point. Errors: not_found.
  static Result<Cgroup> open(const std::string& path, const HostFacts& host);

  // For clone3(CLONE_INTO_CGROUP).
  int fd() const { return dir_.fd(); }
  // Below the v2 mount point: what a record keeps.
  const std::string& path() const { return path_; }
  // Rewrites the limits that are set in `resources`.
  Result<void> update(const SpecResources& resources) const;
  // SIGKILL to every process in it and below, at once.
  Result<void> kill() const;
  Result<void> freeze() const;
  Result<void> thaw() const;
  // True when an OOM kill has been counted.
  bool oom_killed() const;
  // Removes it and the cgroups below; waits for dying processes up to a second. Missing is fine.
  Result<void> remove();

 private:
  Cgroup(Dir dir, std::string path, std::string mount_point)
      : dir_(std::move(dir)), path_(std::move(path)), mount_point_(std::move(mount_point)) {}
  Dir dir_;
  std::string path_;
  std::string mount_point_;
};

}  // namespace ctr::runtime

// What the compilers of the entries of mounts share; see compile_mounts.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/compile_parts.h"
#include "runtime/mount_options.h"

namespace ctr::runtime {

// Where a mount goes: below the container's root, by descriptors only.
struct MountPlace {
  std::string destination;  // absolute, without doubled slashes, "." and ".."
  int16_t root = -1;        // register of the root directory
  bool nofollow = false;    // a link at the place itself is mounted on
};

// Attributes and propagation of the mount in register `mount`, in as few steps as what they reach allows. `tree`: there
// may be mounts below it. Without a word about propagation it becomes `otherwise`, if that is given.
void emit_changes(const MountOptions& options, bool tree, std::optional<MountPropagation> otherwise, int16_t mount,
                  ProgramBuilder* out);

// Makes the place, a directory or (k_target_like_b) what register `like` is, and puts the detached mount on it.
void emit_attach(const MountPlace& place, uint64_t target_kind, int16_t like, int16_t mount, ProgramBuilder* out);

// A copy of what is at `source` on the host.
void emit_bind(const std::string& source, const MountOptions& options, const MountPlace& place, ProgramBuilder* out);

// compile_cgroup_mount.cc: mounts of type cgroup and cgroup2.
Result<void> emit_cgroup(const CompileInput& input, const std::string& type, const MountOptions& options,
                         const MountPlace& place, ProgramBuilder* out);

}  // namespace ctr::runtime

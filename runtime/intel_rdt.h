// Shares of the caches and of the memory bandwidth: groups of a resctrl file system.
//
//   <mount>/schemata, tasks          the group of everything else
//   <mount>/<closID>/schemata, tasks
//   <mount>/<closID>/mon_groups/<id>/tasks
//
// Source: OCI runtime-spec 1.3, config-linux.md "IntelRdt"; the kernel's Documentation/filesystems/resctrl.rst.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "runtime/spec.h"

namespace ctr::runtime {

// Where a container was put.
struct RdtGroup {
  std::string path;        // absolute, of its group
  bool made = false;       // by us: it goes with the container
  std::string monitoring;  // of its monitoring group below, which goes with it as well; empty: none
  bool operator==(const RdtGroup&) const = default;
};
Json to_json(const RdtGroup& group);
Result<RdtGroup> rdt_group_from_json(const JsonReader& reader);

// The first mount point of a resctrl in the text of mountinfo (proc_pid_mountinfo(5)).
std::optional<std::string> find_resctrl(std::string_view mountinfo);
// That of this host. Errors: unsupported, naming linux.intelRdt.
Result<std::string> host_resctrl();

// Makes or finds the group that `rdt` asks for below `mount`, with its shares. A group that is named and there already
// is only joined: its shares must be those that are asked for, if any are.
// Errors: not_found (a group without shares that is not there), invalid (it has other shares, or the kernel refuses
// these). What was made is taken away again.
Result<RdtGroup> make_rdt_group(const std::string& mount, const SpecIntelRdt& rdt, const std::string& container_id);
// Puts a process there; its children follow.
Result<void> join_rdt_group(const RdtGroup& group, pid_t pid);
// Takes away what make_rdt_group() made. Its processes, if any are left, go to the group of everything else.
Result<void> remove_rdt_group(const RdtGroup& group);
// Gives the group other shares: lines as in `schemata`. Errors: invalid, with what the kernel says.
Result<void> set_rdt_shares(const RdtGroup& group, const SpecIntelRdt& rdt);

// The lines that are written to `schemata`. Source: config-linux.md, the rules on l3CacheSchema and memBwSchema.
std::string rdt_shares(const SpecIntelRdt& rdt);
// True when every share that `wanted` names is the same in `present`, whatever zeros and blanks stand in front.
bool has_rdt_shares(std::string_view present, std::string_view wanted);

}  // namespace ctr::runtime

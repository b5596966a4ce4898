// Transient scopes of systemd: cgroups that systemd makes, accounts and removes, and that are delegated to us.
//
//   we                                               bus of the (user's) systemd
//     AddMatch JobRemoved, StartTransientUnit ─────▶   both at once
//     ◀── job "/org/freedesktop/systemd1/job/7" ────
//     ◀── JobRemoved 7, its path, unit, "done" ─────   the processes are in the scope
//
// Source: org.freedesktop.systemd1(5), systemd.resource-control(5), systemd's CGROUP_DELEGATION.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "runtime/cgroup_plan.h"
#include "runtime/spec.h"

namespace ctr::runtime {

// One property of a unit: "b", "t", "s", "au" or "ay" on the bus.
struct UnitProperty {
  std::string name;  // "MemoryMax"
  std::variant<bool, uint64_t, std::string, std::vector<uint32_t>, std::vector<uint8_t>> value;
  bool operator==(const UnitProperty&) const = default;
};
// The limits of `resources` that systemd has names for; what it does not know is written to files only. Pure.
std::vector<UnitProperty> scope_limits(const SpecResources& resources);

struct ScopeRequest {
  const CgroupPlan& plan;  // unit and slice
  std::string description;
  std::vector<pid_t> processes;      // at least one: a scope lives as long as there are some
  std::vector<UnitProperty> limits;  // empty: none
};
// Returns once the processes are in the scope, which is ours to divide (Delegate=yes). Errors: exists when there is a
// unit of that name, permission, not_found (no systemd on the bus), timed_out, interrupted.
Result<void> start_scope(const ScopeRequest& request, const HostFacts& host, const CancelToken& cancel = {});
// Changes the limits of a scope that is there; they are forgotten with it. Errors: not_found, as above.
Result<void> set_scope_limits(const std::string& unit, const std::vector<UnitProperty>& limits, const HostFacts& host,
                              const CancelToken& cancel = {});

}  // namespace ctr::runtime

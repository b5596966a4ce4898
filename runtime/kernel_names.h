// Names the runtime specification takes from the kernel's headers, and their numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctr::runtime {

struct KernelName {
  std::string_view name;
  uint64_t value = 0;
};

// RLIMIT_*. Source: getrlimit(2).
std::span<const KernelName> rlimit_names();
// SCHED_*. Source: sched(7); SCHED_ISO is reserved and refused by every kernel so far.
std::span<const KernelName> scheduler_policies();
// SCHED_FLAG_*. Source: sched_setattr(2).
std::span<const KernelName> scheduler_flags();
// IOPRIO_CLASS_*. Source: ioprio_set(2).
std::span<const KernelName> io_priority_classes();
// MPOL_* and MPOL_F_*. Source: set_mempolicy(2).
std::span<const KernelName> memory_policy_modes();
std::span<const KernelName> memory_policy_flags();
// LINUX, LINUX32. Source: personality(2).
std::span<const KernelName> personality_domains();

std::optional<uint64_t> find_value(std::span<const KernelName> names, std::string_view name);
// The names alone, in their order.
std::vector<std::string> names_of(std::span<const KernelName> names);

}  // namespace ctr::runtime

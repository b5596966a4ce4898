// linux.resources as what is written to the files of a v2 cgroup. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/spec_resources.h"

namespace ctr::runtime {

inline constexpr uint64_t k_default_cpu_period_us = 100'000;  // the kernel's

struct CgroupSetting {
  std::string file;        // "memory.max"
  std::string value;       // "1048576"
  std::string controller;  // "memory"; empty: of the core
  std::string subject;     // for messages: "memory"
  // What a kernel without the file means for the limit.
  enum class Missing {
    refused,      // it cannot be set
    other,        // `other_file` and `other_value` do the same
    nothing,      // a file beside it is enough
    only_no_swap  // it is kept by itself as long as the machine has no swap
  } missing = Missing::refused;
  std::string other_file = {};
  std::string other_value = {};
  bool operator==(const CgroupSetting&) const = default;
};

// In the order they have to be written. Errors: unsupported (only cgroup v1 can do it), invalid (contradictory).
// Source: runtime-spec config-linux.md "Control groups"; cgroup-v2.rst.
Result<std::vector<CgroupSetting>> cgroup_settings(const SpecResources& resources);
// The controllers that the settings need, and those that `update` and statistics may need later.
std::vector<std::string> wanted_controllers(const std::vector<CgroupSetting>& settings);
// cpu.shares of v1 (2 to 262144, usually 1024) as cpu.weight of v2 (1 to 10000, usually 100).
uint64_t cpu_weight(uint64_t shares);
// blkio.weight of v1 and of bfq (10 to 1000) as io.weight of v2 (1 to 10000).
uint64_t io_weight(uint16_t weight);
// What memory.swap.max of v2 has to be, which counts swap alone; -1: unlimited, nullopt: not limited by `memory`.
// Only where cgroup_settings() finds nothing wrong.
std::optional<int64_t> swap_limit(const SpecMemory& memory);

// What an update leaves out is as it is: fills in what the given values are counted from. `memory_max` and `cpu_max`
// are the texts of those files.
void complete_update(SpecResources* resources, const std::string& memory_max, const std::string& cpu_max);
// memory.checkBeforeUpdate: a limit below what is in use is refused. Errors: invalid.
Result<void> check_memory_use(const SpecMemory& memory, uint64_t memory_bytes, uint64_t swap_bytes);

// True when the processors or nodes of `list` ("0-2,7") are all in `allowed`. Errors: invalid when one is not a list.
Result<bool> is_sublist(const std::string& list, const std::string& allowed);

}  // namespace ctr::runtime

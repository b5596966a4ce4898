// linux.resources as what is written to the files of a v2 cgroup. Pure.
#pragma once

#include <string>
#include <vector>

#include "runtime/spec.h"

namespace ctr::runtime {

struct CgroupSetting {
  std::string file;        // "memory.max"
  std::string value;       // "1048576"
  std::string controller;  // "memory"; empty: of the core
  std::string subject;     // for messages: "memory"
  bool operator==(const CgroupSetting&) const = default;
};

// In the order they have to be written: a swap limit after the memory it is counted from.
// Source: runtime-spec config-linux.md "Control groups"; cgroup-v2.rst.
std::vector<CgroupSetting> cgroup_settings(const SpecResources& resources);
// cpu.shares of v1 (2 to 262144, usually 1024) as cpu.weight of v2 (1 to 10000, usually 100).
uint64_t cpu_weight(uint64_t shares);

}  // namespace ctr::runtime

// ProcessFacts: what the kernel says of one process in /proc/PID/stat and /proc/PID/status.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ctr::engine {

// User and group ids are those of our user namespace.
struct ProcessFacts {
  // One number for each pid namespace from ours down to the process's own.
  std::vector<int> pids;
  std::vector<int> process_groups;  // 0 where the group's first process is outside of the namespace
  int parent_pid = 0;               // in our pid namespace
  uint32_t real_uid = 0, effective_uid = 0;
  uint32_t real_gid = 0, effective_gid = 0;
  std::vector<uint32_t> groups;
  std::string name;
  char state = '?';
  int nice = 0;
  int terminal = 0;  // device number; 0: none
  uint64_t cpu_ticks = 0;
  uint64_t start_ticks = 0;  // since boot
  uint64_t virtual_bytes = 0;
  uint64_t resident_kib = 0;
  uint64_t inheritable = 0, permitted = 0, effective = 0, bounding = 0, ambient = 0;  // capabilities
  int seccomp = 0;
  bool operator==(const ProcessFacts&) const = default;
};

// Source: proc(5). Errors: corrupt when a field that every kernel since 4.1 has is missing or no number.
Result<ProcessFacts> parse_process(std::string_view stat, std::string_view status);

// "pts/0", "tty1", "ttyS0"; "?" for none and for devices of other kinds. Source:
// linux/Documentation/admin-guide/devices.txt.
std::string terminal_name(int device);

}  // namespace ctr::engine

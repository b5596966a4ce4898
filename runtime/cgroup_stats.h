// What a container uses, read from its cgroup.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "runtime/cgroup.h"

namespace ctr::runtime {

struct CgroupStats {
  struct Cpu {
    uint64_t usage_us = 0;
    uint64_t user_us = 0;
    uint64_t system_us = 0;
    uint64_t periods = 0;            // with a quota: that have passed
    uint64_t throttled_periods = 0;  // in which the quota was used up
    uint64_t throttled_us = 0;
    bool operator==(const Cpu&) const = default;
  };
  struct Memory {
    uint64_t usage_bytes = 0;
    std::optional<uint64_t> limit_bytes;  // nullopt: no limit
    uint64_t peak_bytes = 0;              // 0: not told (before Linux 5.19)
    uint64_t swap_bytes = 0;
    std::optional<uint64_t> swap_limit_bytes;
    std::map<std::string, uint64_t> details;  // memory.stat
    uint64_t limit_hits = 0;                  // memory.events: max
    uint64_t oom_kills = 0;
    bool operator==(const Memory&) const = default;
  };
  struct Pids {
    uint64_t current = 0;
    std::optional<uint64_t> limit;
    bool operator==(const Pids&) const = default;
  };
  struct Io {
    uint32_t major = 0;
    uint32_t minor = 0;
    uint64_t read_bytes = 0;
    uint64_t write_bytes = 0;
    uint64_t reads = 0;
    uint64_t writes = 0;
    bool operator==(const Io&) const = default;
  };
  struct Hugepages {
    uint64_t usage_bytes = 0;
    std::optional<uint64_t> limit_bytes;
    uint64_t limit_hits = 0;
    bool operator==(const Hugepages&) const = default;
  };
  // Controllers that are not enabled for the cgroup leave their part out; the processor's use is always told.
  Cpu cpu;
  std::optional<Memory> memory;
  std::optional<Pids> pids;
  std::vector<Io> io;
  std::map<std::string, Hugepages> hugepages;  // by page size, "2MB"
  bool operator==(const CgroupStats&) const = default;
};

// Errors: not_found when the cgroup is gone.
Result<CgroupStats> read_stats(const Cgroup& cgroup);
// Lines "MAJOR:MINOR rbytes=N wbytes=N rios=N wios=N …" of io.stat. Lines of another form are left out. Pure.
std::vector<CgroupStats::Io> parse_io_stat(std::string_view text);

// The `data` of `events --stats`, with the names that runc and crun gave cgroup v1's numbers.
Json to_json(const CgroupStats& stats);

}  // namespace ctr::runtime

// What a container uses, as numbers that count from its start.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace ctr::engine {

struct ContainerUse {
  TimePoint at;                      // of the measurement
  std::optional<TimePoint> started;  // nullopt: it does not run, and uses nothing
  uint64_t cpu_us = 0;
  uint64_t cpu_system_us = 0;       // of it, in the kernel
  uint64_t memory_bytes = 0;        // page cache included, as the limit counts
  uint64_t memory_limit_bytes = 0;  // the machine's memory unless there is a lower limit
  uint64_t processes = 0;
  uint64_t read_bytes = 0;  // block devices
  uint64_t write_bytes = 0;
  uint64_t received_bytes = 0;  // network interfaces of the container's own but the loopback
  uint64_t sent_bytes = 0;
  bool operator==(const ContainerUse&) const = default;
};

}  // namespace ctr::engine

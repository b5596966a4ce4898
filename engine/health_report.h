// How one health check went, as `healthcheck run` tells it.
#pragma once

#include <chrono>
#include <optional>

namespace ctr::engine {

struct HealthReport {
  bool passed = false;
  bool startup = false;                               // it was the startup check
  std::optional<std::chrono::nanoseconds> timed_out;  // after so long
};

}  // namespace ctr::engine

// What is run in a container beside its program and its health check; values, and their stored form.
//
// A test is written as that of oci::HealthConfig: CMD and its words, or one of ours, which engine/probe.h carries out.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ctr::engine {

// Whether the container can do its work: looked at over and over, and nothing is done about it.
struct ReadinessSpec {
  std::vector<std::string> test;
  std::chrono::nanoseconds delay{0};  // before the first
  std::chrono::nanoseconds interval{0};
  std::chrono::nanoseconds timeout{0};
  int retries = 3;    // failures in a row after which it is not ready
  int successes = 1;  // in a row after which it is
  bool operator==(const ReadinessSpec&) const = default;
};

struct ProbeSpec {
  std::optional<ReadinessSpec> readiness;
  std::vector<std::string> post_start;  // run when the program has begun; the container is killed when it fails
  std::vector<std::string> pre_stop;    // run before a stop sends its signal
  bool operator==(const ProbeSpec&) const = default;
};

// An object that is empty for the default.
Json to_json(const ProbeSpec& probes);
Result<ProbeSpec> probe_spec_from_json(const JsonReader& reader);

}  // namespace ctr::engine

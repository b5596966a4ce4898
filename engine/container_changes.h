// What `update` changes of a container, beside the limits the kernel holds it to. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/spec.h"

namespace ctr::engine {

// --health-*: what is not set stays.
struct HealthChanges {
  bool none = false;                             // --no-healthcheck
  std::optional<std::vector<std::string>> test;  // as that of oci::HealthConfig
  std::optional<std::chrono::nanoseconds> interval;
  std::optional<std::chrono::nanoseconds> timeout;
  std::optional<std::chrono::nanoseconds> start_period;
  std::optional<int> retries;
  std::optional<std::vector<std::string>> startup_test;
  std::optional<std::chrono::nanoseconds> startup_interval;
  std::optional<std::chrono::nanoseconds> startup_timeout;
  std::optional<int> startup_retries;
  std::optional<int> startup_successes;
  std::optional<HealthAction> on_failure;
  std::optional<uint32_t> log_entries;
  std::optional<uint32_t> log_bytes;
  std::optional<std::string> log_destination;
  bool operator==(const HealthChanges&) const = default;
};

struct ContainerChanges {
  ResourceSpec limits;
  std::vector<std::string> env;  // KEY=VALUE, complete
  std::vector<std::string> unset_env;
  std::vector<UlimitSpec> ulimits;
  std::optional<RestartSpec> restart;
  HealthChanges health;
  bool operator==(const ContainerChanges&) const = default;
};

// Errors: invalid for parts of a check of a container that has none.
Result<void> change_health(ContainerSpec& spec, const HealthChanges& changes);
// `env` with the new values in the place of the old ones, and without what is to go.
std::vector<std::string> change_env(std::vector<std::string> env, const ContainerChanges& changes);
// Errors: invalid for a restart policy beside --rm, and as change_health().
Result<void> change_spec(ContainerSpec& spec, const ContainerChanges& changes);

}  // namespace ctr::engine

// What runs beside a container's program and its health check: readiness checks and the hooks of start and stop.
//
// Each is a process of ours, as a health check is: it joins the container, runs the program or looks by itself, and
// its exit code says how it went.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/child.h"
#include "base/file.h"
#include "base/json.h"
#include "base/result.h"
#include "engine/core.h"
#include "engine/record.h"
#include "runtime/monitor_plan.h"
#include "storage/containers.h"

namespace ctr::engine {

// What the readiness checks of this run add up to, in the container's directory.
struct ReadinessRecord {
  bool ready = false;
  int successes = 0;  // in a row
  int failures = 0;
  std::string output;  // of the last check that failed
  bool operator==(const ReadinessRecord&) const = default;
};
inline constexpr const char* k_readiness_file = "ready.json";
Json to_json(const ReadinessRecord& record);
// A container whose checks have never been run has no file: an empty record.
Result<ReadinessRecord> read_readiness(const Dir& container_dir);
Result<void> reset_readiness(const Dir& container_dir);
void add_result(ReadinessRecord& record, bool passed, const std::string& output, const ReadinessSpec& spec);

// What the monitor does about it; nullopt without a check.
std::optional<runtime::HealthPlan> plan_readiness(const ContainerSpec& spec);

// The processes: the first word of each, and what they do with the id behind it. 0: it went well.
inline constexpr std::string_view k_readiness_verb = "internal-readiness";
inline constexpr std::string_view k_post_start_verb = "internal-post-start";
inline constexpr std::string_view k_pre_stop_verb = "internal-pre-stop";
Result<Child> start_side_program(const Core& core, std::string_view verb, const std::string& id);
int run_side_program(Core& core, std::string_view verb, std::string_view id);

// Before the container is stopped: runs its hook, and waits for the end of it, at most `timeout`. A hook that fails is
// a warning. Errors: interrupted.
Result<void> run_pre_stop(Core& core, const ContainerRecord& record, std::chrono::seconds timeout);

}  // namespace ctr::engine

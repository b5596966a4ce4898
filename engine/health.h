// Health checks: what is run, what the results add up to, and where they are kept.
//
// A check is a program in the container, as of `exec`. The monitor starts a process of ours for each
// (run_health_worker), a user does the same with `healthcheck run`; either adds its result to health.json in the
// container's directory, under the container's lock.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/child.h"
#include "base/json.h"
#include "base/oci/image_config.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/core.h"
#include "engine/health_report.h"
#include "engine/record.h"
#include "engine/spec.h"
#include "runtime/monitor_health.h"
#include "runtime/monitor_plan.h"
#include "runtime/state.h"
#include "storage/containers.h"

namespace ctr::engine {

struct HealthResult {
  TimePoint start, end;
  int exit_code = 0;   // 0, 1 when the program failed or could not be started, -1 when it took too long
  std::string output;  // without the last newline
  bool operator==(const HealthResult&) const = default;
};

struct HealthRecord {
  std::string status;  // "starting", "healthy", "unhealthy"; empty before the first start
  int failing_streak = 0;
  bool started = false;  // the startup check has passed
  int startup_passes = 0;
  int startup_failures = 0;
  std::vector<HealthResult> log;  // oldest first
  bool operator==(const HealthRecord&) const = default;
};
inline constexpr const char* k_health_file = "health.json";
inline constexpr int k_health_schema = 1;
Json to_json(const HealthRecord& record);
Result<HealthRecord> health_record_from_json(const JsonReader& reader);
// A container whose checks have never been run has no file: an empty record.
Result<HealthRecord> read_health(const Dir& container_dir);
// The status alone, for listings: one of the words above; empty when it cannot be read. `containers` is the directory
// of all containers.
std::string_view read_health_status(const Dir& containers, const std::string& id);
// The same word, as one that lives on; empty for any other.
std::string_view known_status(std::string_view status);
// The file in a directory of --health-log-destination.
std::string health_log_name(const std::string& container_id);
// podman's document of the results.
Json health_log_json(const HealthRecord& record);
// What a start begins with.
Result<void> reset_health(const Dir& container_dir);

// What a check has that says nothing else: podman's values.
inline constexpr std::chrono::seconds k_health_interval{30};
inline constexpr std::chrono::seconds k_health_timeout{30};
inline constexpr int k_health_retries = 3;

// The check of a container: its own, else the image's with what the container says differently.
std::optional<oci::HealthConfig> choose_health(const std::optional<oci::HealthConfig>& own,
                                               const std::optional<oci::HealthConfig>& image);
// Errors: invalid for rules that need a check when there is none.
Result<void> check_health_rules(const ContainerSpec& spec);
// What the monitor does about it; nullopt without a check.
std::optional<runtime::HealthPlan> plan_health(const ContainerRecord& record);

// The program that comes next. Only for containers with a check.
struct HealthCommand {
  bool startup = false;
  std::vector<std::string> argv;
  std::chrono::nanoseconds timeout{0};
};
// The words of a test as what is executed: those behind CMD, a shell, or a test of ours as it is.
std::vector<std::string> program_of(const std::vector<std::string>& test);
HealthCommand next_check(const ContainerSpec& spec, const HealthRecord& record);
// Adds a result. In the start period failures do not count.
runtime::CheckEnd add_result(HealthRecord& record, HealthResult result, const ContainerSpec& spec, bool startup,
                             bool in_start_period);

// Runs one test in the container whose state this is. This process may be in its network afterwards. Errors: what says
// nothing of the container.
Result<HealthResult> run_test(Core& core, const storage::ContainerEntry& entry, const runtime::StateRecord& state,
                              const HealthCommand& command);

struct CheckOutcome {
  HealthReport report;
  runtime::CheckEnd end = runtime::CheckEnd::failed;
};
// Runs the next check once. Errors: bad_state when the container does not run, invalid when it has no check.
Result<CheckOutcome> check_health(Core& core, const storage::ContainerEntry& entry);

// The process that the monitor starts: checks the container `id` once; the exit code is a CheckEnd.
inline constexpr std::string_view k_health_verb = "internal-health";
Result<Child> start_health_worker(const Core& core, const std::string& id);
int run_health_worker(Core& core, std::string_view id);

}  // namespace ctr::engine

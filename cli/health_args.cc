#include "cli/health_args.h"

#include <fmt/format.h>

#include <climits>

#include "base/json.h"
#include "base/parse.h"
#include "base/text.h"

namespace ctr::cli {
namespace {

using engine::HealthAction;
using std::chrono::nanoseconds;

constexpr std::chrono::seconds k_interval{30};
constexpr std::chrono::seconds k_timeout{30};
constexpr int k_retries = 3;
constexpr size_t k_command_limit_bytes = size_t{1} << 20;

Error wrong(std::string text) { return Error(Errc::invalid, std::move(text)); }

std::vector<std::string> fields(std::string_view text) {
  std::vector<std::string> out;
  for (auto& word : split(text, ' ')) {
    if (!trim(word).empty()) out.emplace_back(trim(word));
  }
  return out;
}

// A JSON list of words; empty when it is none.
std::vector<std::string> json_words(const std::string& text) {
  const auto json = parse_json(text, "the command", {.size_bytes = k_command_limit_bytes});
  if (!json || !json->is_array()) return {};
  std::vector<std::string> words;
  for (const auto& word : json->as_array()) {
    if (!word.is_string()) return {};
    words.push_back(word.as_string());
  }
  return words;
}

// podman: a list is a program and its arguments, text is for the shell, and the words CMD, CMD-SHELL and NONE may begin
// either.
std::vector<std::string> parse_test(const std::string& text) {
  const auto list = json_words(text);
  const auto words = list.empty() ? fields(text) : list;
  const std::string first = words.empty() ? "" : to_upper(words[0]);
  if (first == "NONE") return {"NONE"};
  if (first == "CMD" || first == "CMD-SHELL") {
    if (list.empty() && first == "CMD-SHELL") {
      return {first, std::string(trim(trim(text).substr(first.size())))};
    }
    auto test = words;
    test[0] = first;
    return test;
  }
  if (list.size() > 1) {
    std::vector<std::string> test = {"CMD"};
    test.insert(test.end(), list.begin(), list.end());
    return test;
  }
  return {"CMD-SHELL", list.empty() ? text : list[0]};
}

// `what` as in podman's messages: "healthcheck-interval".
Result<std::optional<nanoseconds>> duration(const Args& args, const std::string& option, std::string_view what) {
  if (!args.has(option)) return std::optional<nanoseconds>();
  const std::string text = args.text(option);
  if (text == "disable" && option.ends_with("interval")) return std::optional(nanoseconds(0));
  const auto value = parse_duration(text, what);
  if (!value) return wrong(fmt::format("invalid {}: time: invalid duration \"{}\"", what, printable(text)));
  return std::optional(*value);
}

Result<std::optional<nanoseconds>> timeout(const Args& args, const std::string& option) {
  const auto value = TRY(duration(args, option, "healthcheck-timeout"));
  if (value && value->count() < 1) return wrong("healthcheck-timeout must be at least 1 second");
  return value;
}

Result<std::optional<int>> number(const Args& args, const std::string& option) {
  if (!args.has(option)) return std::optional<int>();
  return std::optional(static_cast<int>(TRY(parse_unsigned(args.text(option), "--" + option, INT_MAX))));
}

// Without a command: what differs from the image's check, where 0 means what the image says.
Result<void> add_check(const Args& args, engine::ContainerSpec& spec) {
  const auto interval = TRY(duration(args, "health-interval", "healthcheck-interval"));
  if (interval && interval->count() < 0) return wrong("healthcheck-interval must be 0 seconds or greater");
  const auto limit = TRY(timeout(args, "health-timeout"));
  const auto start_period = TRY(duration(args, "health-start-period", "healthcheck-start-period"));
  if (start_period && start_period->count() < 0) return wrong("healthcheck-start-period must be 0 seconds or greater");
  const auto retries = TRY(number(args, "health-retries"));
  if (retries && *retries < 1) return wrong("healthcheck-retries must be greater than 0");
  oci::HealthConfig check;
  if (!args.text("health-cmd").empty()) {
    check.test = parse_test(args.text("health-cmd"));
    check.interval = interval.value_or(k_interval);
    check.timeout = limit.value_or(k_timeout);
    check.start_period = start_period.value_or(nanoseconds(0));
    check.retries = retries.value_or(k_retries);
  } else {
    const auto given = [](const std::optional<nanoseconds>& value) {
      if (!value) return nanoseconds(0);
      return value->count() == 0 ? nanoseconds(-1) : *value;
    };
    check.interval = given(interval);
    check.timeout = limit.value_or(nanoseconds(0));
    check.start_period = given(start_period);
    check.retries = retries.value_or(0);
  }
  if (check != oci::HealthConfig()) spec.health = std::move(check);
  return ok();
}

Result<void> add_startup_check(const Args& args, engine::ContainerSpec& spec) {
  engine::StartupHealthSpec startup;
  startup.interval = TRY(duration(args, "health-startup-interval", "healthcheck-interval")).value_or(k_interval);
  if (startup.interval.count() < 0) return wrong("healthcheck-interval must be 0 seconds or greater");
  startup.timeout = TRY(timeout(args, "health-startup-timeout")).value_or(k_timeout);
  startup.retries = TRY(number(args, "health-startup-retries")).value_or(0);
  startup.successes = TRY(number(args, "health-startup-success")).value_or(0);
  const std::string command = args.text("health-startup-cmd");
  if (command.empty()) return ok();
  startup.test = parse_test(command);
  if (startup.test[0] != "NONE") spec.health_rules.startup = std::move(startup);
  return ok();
}

Result<HealthAction> parse_action(const std::string& text) {
  for (const auto action : {HealthAction::none, HealthAction::kill, HealthAction::restart, HealthAction::stop}) {
    if (text == engine::action_word(action)) return action;
  }
  return wrong(
      fmt::format("invalid on-failure action \"{}\" for health check: supported actions are "
                  "none,kill,restart,stop",
                  printable(text)));
}

}  // namespace

Result<void> add_health(const Args& args, engine::ContainerSpec& spec) {
  if (args.flag("no-healthcheck")) {
    for (const char* option : {"health-cmd", "health-startup-cmd"}) {
      if (!args.text(option).empty()) {
        return wrong(fmt::format("cannot specify both --no-healthcheck and --{}", option));
      }
    }
  }
  TRY(add_check(args, spec));
  TRY(add_startup_check(args, spec));
  // podman's form of "no check".
  if (args.flag("no-healthcheck")) spec.health = oci::HealthConfig{.test = {"NONE"}};
  if (args.has("health-on-failure")) spec.health_rules.on_failure = TRY(parse_action(args.text("health-on-failure")));
  if (const auto count = TRY(number(args, "health-max-log-count"))) {
    spec.health_rules.log_entries = static_cast<uint32_t>(*count);
  }
  if (const auto bytes = TRY(number(args, "health-max-log-size"))) {
    spec.health_rules.log_bytes = static_cast<uint32_t>(*bytes);
  }
  return ok();
}

}  // namespace ctr::cli

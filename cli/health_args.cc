#include "cli/health_args.h"

#include <fmt/format.h>

#include <climits>

#include "base/json.h"
#include "base/parse.h"
#include "base/paths.h"
#include "base/text.h"
#include "engine/health.h"

namespace ctr::cli {
namespace {

using engine::HealthAction;
using engine::HealthChanges;
using std::chrono::nanoseconds;

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

Result<std::optional<std::vector<std::string>>> command(const Args& args, const std::string& option) {
  if (args.text(option).empty()) return std::optional<std::vector<std::string>>();
  return std::optional(parse_test(args.text(option)));
}

Result<std::optional<uint32_t>> unsigned_number(const Args& args, const std::string& option) {
  const auto value = TRY(number(args, option));
  return value ? std::optional(static_cast<uint32_t>(*value)) : std::nullopt;
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

// Without a command: what differs from the image's check, where 0 means what the image says.
void add_check(const HealthChanges& given, engine::ContainerSpec& spec) {
  oci::HealthConfig check;
  if (given.test) {
    check.test = *given.test;
    check.interval = given.interval.value_or(engine::k_health_interval);
    check.timeout = given.timeout.value_or(engine::k_health_timeout);
    check.start_period = given.start_period.value_or(nanoseconds(0));
    check.retries = given.retries.value_or(engine::k_health_retries);
  } else {
    const auto other = [](const std::optional<nanoseconds>& value) {
      if (!value) return nanoseconds(0);
      return value->count() == 0 ? nanoseconds(-1) : *value;
    };
    check.interval = other(given.interval);
    check.timeout = given.timeout.value_or(nanoseconds(0));
    check.start_period = other(given.start_period);
    check.retries = given.retries.value_or(0);
  }
  if (check != oci::HealthConfig()) spec.health = std::move(check);
}

void add_startup_check(const HealthChanges& given, engine::ContainerSpec& spec) {
  if (!given.startup_test || given.startup_test->front() == "NONE") return;
  spec.health_rules.startup =
      engine::StartupHealthSpec{.test = *given.startup_test,
                                .interval = given.startup_interval.value_or(engine::k_health_interval),
                                .timeout = given.startup_timeout.value_or(engine::k_health_timeout),
                                .retries = given.startup_retries.value_or(0),
                                .successes = given.startup_successes.value_or(0)};
}

// Empty for "local", which is the container's own record.
Result<std::string> log_destination(const std::string& text) {
  if (text == "local") return std::string();
  if (text == "events_logger") return text;
  if (text.empty()) return wrong("--health-log-destination: must be local, a directory, or events_logger");
  return absolute_path(text);
}

}  // namespace

Result<HealthChanges> parse_health(const Args& args) {
  HealthChanges given;
  given.none = args.flag("no-healthcheck");
  for (const char* option : {"health-cmd", "health-startup-cmd"}) {
    if (given.none && !args.text(option).empty()) {
      return wrong(fmt::format("cannot specify both --no-healthcheck and --{}", option));
    }
  }
  given.test = TRY(command(args, "health-cmd"));
  given.interval = TRY(duration(args, "health-interval", "healthcheck-interval"));
  if (given.interval && given.interval->count() < 0) return wrong("healthcheck-interval must be 0 seconds or greater");
  given.timeout = TRY(timeout(args, "health-timeout"));
  given.start_period = TRY(duration(args, "health-start-period", "healthcheck-start-period"));
  if (given.start_period && given.start_period->count() < 0) {
    return wrong("healthcheck-start-period must be 0 seconds or greater");
  }
  given.retries = TRY(number(args, "health-retries"));
  if (given.retries && *given.retries < 1) return wrong("healthcheck-retries must be greater than 0");
  given.startup_test = TRY(command(args, "health-startup-cmd"));
  given.startup_interval = TRY(duration(args, "health-startup-interval", "healthcheck-interval"));
  if (given.startup_interval && given.startup_interval->count() < 0) {
    return wrong("healthcheck-interval must be 0 seconds or greater");
  }
  given.startup_timeout = TRY(timeout(args, "health-startup-timeout"));
  given.startup_retries = TRY(number(args, "health-startup-retries"));
  given.startup_successes = TRY(number(args, "health-startup-success"));
  if (args.has("health-on-failure")) given.on_failure = TRY(parse_action(args.text("health-on-failure")));
  if (args.has("health-log-destination")) {
    given.log_destination = TRY(log_destination(args.text("health-log-destination")));
  }
  given.log_entries = TRY(unsigned_number(args, "health-max-log-count"));
  given.log_bytes = TRY(unsigned_number(args, "health-max-log-size"));
  return given;
}

Result<void> add_health(const Args& args, engine::ContainerSpec& spec) {
  const auto given = TRY(parse_health(args));
  add_check(given, spec);
  add_startup_check(given, spec);
  // podman's form of "no check".
  if (given.none) spec.health = oci::HealthConfig{.test = {"NONE"}};
  auto& rules = spec.health_rules;
  rules.on_failure = given.on_failure.value_or(rules.on_failure);
  rules.log_entries = given.log_entries.value_or(rules.log_entries);
  rules.log_bytes = given.log_bytes.value_or(rules.log_bytes);
  rules.log_destination = given.log_destination.value_or(rules.log_destination);
  return ok();
}

}  // namespace ctr::cli

#include "engine/container_changes.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "engine/health.h"
#include "engine/limits.h"

namespace ctr::engine {
namespace {

template <typename T>
void assign(T& target, const std::optional<T>& change) {
  if (change) target = *change;
}

bool changes_check(const HealthChanges& changes) {
  return changes.interval || changes.timeout || changes.start_period || changes.retries;
}

bool changes_startup(const HealthChanges& changes) {
  return changes.startup_interval || changes.startup_timeout || changes.startup_retries || changes.startup_successes;
}

std::string_view key_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

void remove_key(std::vector<std::string>& env, std::string_view key) {
  std::erase_if(env, [&](const std::string& entry) { return key_of(entry) == key; });
}

// Of a container: one for each name.
void change_ulimits(std::vector<UlimitSpec>& ulimits, const std::vector<UlimitSpec>& changes) {
  for (const auto& change : changes) {
    std::erase_if(ulimits, [&](const UlimitSpec& limit) { return limit.name == change.name; });
    ulimits.push_back(change);
  }
}

Result<void> change_startup(ContainerSpec& spec, const HealthChanges& changes) {
  auto& startup = spec.health_rules.startup;
  if (changes.startup_test && changes.startup_test->front() == "NONE") {
    startup.reset();
    return ok();
  }
  if (!changes.startup_test && !changes_startup(changes)) return ok();
  if (!startup && !changes.startup_test) {
    return Error(Errc::invalid, "the container has no startup health check whose settings could change")
        .with_hint("use --health-startup-cmd");
  }
  if (!startup) startup = StartupHealthSpec{.test = {}, .interval = k_health_interval, .timeout = k_health_timeout};
  assign(startup->test, changes.startup_test);
  assign(startup->interval, changes.startup_interval);
  assign(startup->timeout, changes.startup_timeout);
  assign(startup->retries, changes.startup_retries);
  assign(startup->successes, changes.startup_successes);
  return ok();
}

}  // namespace

Result<void> change_health(ContainerSpec& spec, const HealthChanges& changes) {
  if (changes == HealthChanges{}) return ok();
  if (changes.none) {
    spec.health = oci::HealthConfig{.test = {"NONE"}};
    spec.health_rules = HealthRules{};
    return check_health_rules(spec);
  }
  const bool had_check = has_health_check(spec);
  if (changes_check(changes) && !had_check && !changes.test) {
    return Error(Errc::invalid, "the container has no health check whose settings could change")
        .with_hint("use --health-cmd");
  }
  if (changes.test || changes_check(changes)) {
    if (!had_check) {
      spec.health.emplace();
      spec.health->interval = k_health_interval;
      spec.health->timeout = k_health_timeout;
      spec.health->retries = k_health_retries;
    }
    assign(spec.health->test, changes.test);
    assign(spec.health->interval, changes.interval);
    assign(spec.health->timeout, changes.timeout);
    assign(spec.health->start_period, changes.start_period);
    assign(spec.health->retries, changes.retries);
  }
  TRY(change_startup(spec, changes));
  assign(spec.health_rules.on_failure, changes.on_failure);
  assign(spec.health_rules.log_entries, changes.log_entries);
  assign(spec.health_rules.log_bytes, changes.log_bytes);
  assign(spec.health_rules.log_destination, changes.log_destination);
  return check_health_rules(spec);
}

std::vector<std::string> change_env(std::vector<std::string> env, const ContainerChanges& changes) {
  for (const auto& entry : changes.env) {
    const auto found = std::ranges::find_if(env, [&](const auto& other) { return key_of(other) == key_of(entry); });
    if (found != env.end()) {
      *found = entry;
    } else {
      env.push_back(entry);
    }
  }
  for (const auto& key : changes.unset_env) remove_key(env, key);
  return env;
}

Result<void> change_spec(ContainerSpec& spec, const ContainerChanges& changes) {
  if (changes.restart && changes.restart->policy != RestartSpec::Policy::no && spec.auto_remove) {
    return Error(Errc::invalid, "a container that is removed when it ends (--rm) cannot be started again by a policy");
  }
  TRY(change_health(spec, changes.health));
  assign(spec.restart, changes.restart);
  spec.resources = change_limits(spec.resources, changes.limits);
  change_ulimits(spec.ulimits, changes.ulimits);
  spec.env = change_env(std::move(spec.env), changes);
  for (const auto& entry : changes.env) std::erase(spec.unset_env, key_of(entry));
  spec.unset_env.insert(spec.unset_env.end(), changes.unset_env.begin(), changes.unset_env.end());
  return ok();
}

}  // namespace ctr::engine

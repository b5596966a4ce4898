#include "engine/filters.h"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/parse.h"
#include "base/text.h"
#include "engine/list_verbs.h"

namespace ctr::engine {

namespace {

using Filters = std::vector<ContainerFilter>;

bool has_label(const std::map<std::string, std::string>& labels, std::string_view wanted) {
  const auto equals = wanted.find('=');
  const auto found = labels.find(std::string(wanted.substr(0, equals)));
  if (found == labels.end()) return false;
  return equals == std::string_view::npos || found->second == wanted.substr(equals + 1);
}

// An extended regular expression that may match anywhere. One with a mistake matches as plain text.
bool regex_matches(const std::string& pattern, const std::string& text) {
  regex_t compiled{};
  if (regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
    return text.find(pattern) != std::string::npos;
  }
  const std::unique_ptr<regex_t, decltype(&regfree)> owner(&compiled, regfree);
  return regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
}

Error invalid_filter(const std::string& key) {
  return {Errc::invalid, fmt::format("{} is an invalid filter", printable(key))};
}

Result<bool> holds_time(const std::string& value, TimePoint created, const FilterContext& context) {
  return created < TRY(parse_time_or_ago(value, context.now, "the filter until"));
}

bool is_network(const NetworkChoice& network, const std::string& value) {
  switch (network.mode) {
    case NetworkChoice::Mode::private_:
      return value == "private" || value == (network.uplink.empty() ? "slirp4netns" : network.uplink);
    case NetworkChoice::Mode::none:
      return value == "none";
    case NetworkChoice::Mode::host:
      return value == "host";
    case NetworkChoice::Mode::container:
    case NetworkChoice::Mode::path:
      return value == network.value;
    case NetworkChoice::Mode::bridge:
      return std::any_of(network.networks.begin(), network.networks.end(),
                         [&](const auto& entry) { return entry.network == value; });
    case NetworkChoice::Mode::pod:
      return value == "pod";
  }
  return false;
}

bool uses_volume(const ContainerInfo& info, const std::string& value) {
  return std::any_of(info.spec.mounts.begin(), info.spec.mounts.end(),
                     [&](const auto& mount) { return mount.source == value || mount.destination == value; });
}

Result<bool> has_status(ContainerState container, const std::string& value) {
  constexpr auto k_known = std::to_array<std::string_view>({"created", "initialized", "running", "paused", "stopped",
                                                            "exited", "removing", "stopping", "unknown", "configured"});
  if (std::find(k_known.begin(), k_known.end(), value) == k_known.end()) {
    return Error(Errc::invalid, fmt::format("{} is not a valid container status", printable(value)));
  }
  const auto state = state_name(container);
  return state == value || (value == "stopped" && state == "exited") || (value == "configured" && state == "created");
}

// Whether one of the pod's containers is in this state.
Result<bool> has_member_status(const PodInfo& info, const std::string& value) {
  // A word that is none is an error of an empty pod, too.
  (void)TRY(has_status(ContainerState::created, value));
  bool found = false;
  for (const auto& member : info.members) found = TRY(has_status(member.state, value)) || found;
  return found;
}

Result<bool> has_ancestor(const ContainerInfo& info, const std::string& value, const FilterContext& context) {
  if (info.image_name == value || info.image_id.starts_with(value)) return true;
  const auto ids = TRY(context.image_ids_of(value));
  return std::find(ids.begin(), ids.end(), info.image_id) != ids.end();
}

Result<bool> has_policy(const ContainerInfo& info, const std::string& value) {
  constexpr auto k_known =
      std::to_array<std::string_view>({"", "no", "never", "always", "on-failure", "unless-stopped"});
  if (std::find(k_known.begin(), k_known.end(), value) == k_known.end()) {
    return Error(Errc::invalid, fmt::format("{} invalid restart policy", printable(value)));
  }
  const bool none = value.empty() || value == "never";
  return policy_word(info.spec.restart.policy) == (none ? "no" : value);
}

// What a service manager starts at boot.
bool starts_on_boot(const ContainerInfo& info) {
  const auto policy = info.spec.restart.policy;
  return policy == RestartSpec::Policy::always ||
         (policy == RestartSpec::Policy::unless_stopped && !info.stopped_by_user);
}

// One key=value of `ps`.
Result<bool> container_holds(const ContainerInfo& info, const ContainerFilter& filter, const FilterContext& context) {
  const auto& [key, value] = filter;
  if (key == "id") return info.id.hex.starts_with(value) || regex_matches(value, info.id.hex);
  if (key == "name") return regex_matches(value, info.name);
  if (key == "label") return has_label(info.spec.labels, value);
  if (key == "label!") return !has_label(info.spec.labels, value);
  if (key == "exited") {
    return info.state == ContainerState::exited && info.exit_code == TRY(parse_signed(value, "the filter exited"));
  }
  if (key == "status") return has_status(info.state, value);
  if (key == "ancestor") return has_ancestor(info, value, context);
  if (key == "before") return info.created < TRY(context.created_of(value));
  if (key == "since") return info.created > TRY(context.created_of(value));
  if (key == "volume") return uses_volume(info, value);
  if (key == "network") return is_network(info.spec.network, value);
  if (key == "until") return holds_time(value, info.created, context);
  if (key == "command") return !info.argv.empty() && info.argv.front() == value;
  if (key == "health") return value == (info.health.empty() ? std::string_view("none") : info.health);
  if (key == "restart-policy") return has_policy(info, value);
  if (key == "should-start-on-boot")
    return starts_on_boot(info) == TRY(parse_bool(value, "the filter should-start-on-boot"));
  if (key == "pod") return !info.spec.pod.empty() && info.spec.pod == TRY(context.pod_id_of(value));
  return invalid_filter(key);
}

template <typename Fits>
bool any_member(const PodInfo& info, const Fits& fits) {
  return std::any_of(info.members.begin(), info.members.end(), fits);
}

// One key=value of `pod ps`.
Result<bool> pod_holds(const PodInfo& info, const ContainerFilter& filter, const FilterContext& context) {
  const auto& [key, value] = filter;
  if (key == "id") return info.id.hex.starts_with(value) || regex_matches(value, info.id.hex);
  if (key == "name") return regex_matches(value, info.name);
  if (key == "label") return has_label(info.spec.shared.labels, value);
  if (key == "label!") return !has_label(info.spec.shared.labels, value);
  if (key == "network") return is_network(info.spec.shared.network, value);
  if (key == "until") return holds_time(value, info.created, context);
  if (key == "status") {
    constexpr auto k_known =
        std::to_array<std::string_view>({"created", "running", "paused", "stopped", "exited", "degraded", "error"});
    if (std::find(k_known.begin(), k_known.end(), to_lower(value)) == k_known.end()) {
      return Error(Errc::invalid, fmt::format("{} is not a valid pod status", printable(value)));
    }
    return to_lower(state_name(info.state)) == to_lower(value);
  }
  if (key == "ctr-ids") return any_member(info, [&](const auto& member) { return member.id.hex.starts_with(value); });
  if (key == "ctr-names")
    return any_member(info, [&](const auto& member) { return regex_matches(value, member.name); });
  if (key == "ctr-number") {
    return info.members.size() == TRY(parse_unsigned(value, "the filter ctr-number"));
  }
  if (key == "ctr-status") return has_member_status(info, value);
  return invalid_filter(key);
}

bool matches_reference(const ImageInfo& info, const std::string& pattern) {
  const auto fits = [&](std::string_view name) {
    // The pattern may leave out the registry, the tag, or both.
    const auto colon = name.rfind(':');
    const auto untagged = colon == std::string_view::npos ? name : name.substr(0, colon);
    const auto slash = name.rfind('/');
    const auto base = slash == std::string_view::npos ? name : name.substr(slash + 1);
    const auto base_untagged = base.substr(0, base.find(':'));
    return wildcard_match(pattern, name) || wildcard_match(pattern, untagged) || wildcard_match(pattern, base) ||
           wildcard_match(pattern, base_untagged) || name.ends_with("/" + pattern) || untagged.ends_with("/" + pattern);
  };
  return std::any_of(info.names.begin(), info.names.end(), fits) ||
         std::any_of(info.repo_digests.begin(), info.repo_digests.end(), fits);
}

Result<bool> image_holds(const ImageInfo& info, const ContainerFilter& filter, const FilterContext& context) {
  const auto& [key, value] = filter;
  if (key == "id") return info.id.starts_with(value);
  if (key == "before") return info.created < TRY(context.created_of(value));
  if (key == "since" || key == "after") return info.created > TRY(context.created_of(value));
  if (key == "containers") {
    if (value == "external") return false;
    return (info.containers > 0) == TRY(parse_bool(value, "the filter containers"));
  }
  if (key == "dangling") return info.dangling() == TRY(parse_bool(value, "the filter dangling"));
  if (key == "digest") return wildcard_match(value, info.manifest.digest.to_string());
  if (key == "intermediate") return !TRY(parse_bool(value, "the filter intermediate"));
  if (key == "label") return has_label(info.config.labels, value);
  if (key == "label!") return !has_label(info.config.labels, value);
  if (key == "manifest") return is_list(info) == TRY(parse_bool(value, "the filter manifest"));
  if (key == "readonly") return info.is_read_only() == TRY(parse_bool(value, "the filter readonly"));
  if (key == "reference") return matches_reference(info, value);
  if (key == "until") return holds_time(value, info.created, context);
  return invalid_filter(key);
}

// podman takes these four words here, and no other spelling of a boolean.
Result<bool> is_wanted(const ContainerFilter& filter) {
  const auto word = to_lower(filter.value);
  if (word == "true" || word == "1") return true;
  if (word == "false" || word == "0") return false;
  return Error(Errc::invalid, fmt::format("\"{}\" is not a valid value for the \"{}\" filter - must be true or false",
                                          printable(filter.value), filter.key));
}

bool has_option(const std::map<std::string, std::string>& options, const std::string& wanted) {
  const auto pair = split_once(wanted, '=');
  const auto found = options.find(pair ? pair->first : wanted);
  if (found == options.end()) return false;
  return !pair || pair->second.empty() || found->second == pair->second;
}

Result<bool> volume_holds(const VolumeInfo& info, const ContainerFilter& filter, const FilterContext& context) {
  const auto& [key, value] = filter;
  if (key == "after" || key == "since") return info.created > TRY(context.created_of(value));
  if (key == "anonymous") return info.anonymous == TRY(is_wanted(filter));
  if (key == "dangling") return info.dangling() == TRY(is_wanted(filter));
  if (key == "driver") return info.driver == value;
  if (key == "label") return has_label(info.labels, value);
  if (key == "label!") return !has_label(info.labels, value);
  if (key == "name") return regex_matches(value, info.name);
  if (key == "opt") return has_option(info.options, value);
  if (key == "scope") return value == "local";
  if (key == "until") return holds_time(value, info.created, context);
  return Error(Errc::invalid, fmt::format("\"{}\" is an invalid volume filter", printable(key)));
}

Result<bool> network_holds(const NetworkInfo& info, const ContainerFilter& filter, const FilterContext& context) {
  const auto& [key, value] = filter;
  if (key == "name") return regex_matches(value, info.name);
  if (key == "id") return info.id.starts_with(value) || regex_matches(value, info.id);
  if (key == "driver") return info.driver == value;
  if (key == "label") return has_label(info.labels, value);
  if (key == "label!") return !has_label(info.labels, value);
  if (key == "until") return holds_time(value, info.created, context);
  if (key == "dangling") return info.dangling() == TRY(parse_bool(value, "the filter dangling"));
  return Error(Errc::invalid, fmt::format("invalid filter \"{}\"", printable(key)));
}

Result<bool> secret_holds(const SecretInfo& info, const ContainerFilter& filter, const FilterContext&) {
  if (filter.key == "name") return regex_matches(filter.value, info.name);
  if (filter.key == "id") return info.id.starts_with(filter.value) || regex_matches(filter.value, info.id);
  return Error(Errc::invalid, fmt::format("invalid filter \"{}\"", printable(filter.key)));
}

// Labels must all hold; of another key one value is enough.
template <typename Info, typename Holds>
Result<bool> all_hold(const Info& info, const Filters& filters, const FilterContext& context, Holds holds) {
  std::map<std::string, bool> alternatives;
  bool labels = true;
  for (const auto& filter : filters) {
    const bool held = TRY(holds(info, filter, context));
    if (filter.key.starts_with("label")) {
      labels = labels && held;
    } else {
      auto& any = alternatives[filter.key];
      any = any || held;
    }
  }
  return labels && std::all_of(alternatives.begin(), alternatives.end(), [](const auto& key) { return key.second; });
}

}  // namespace

Result<bool> container_matches(const ContainerInfo& info, const Filters& filters, const FilterContext& context) {
  return all_hold(info, filters, context, container_holds);
}

Result<bool> image_matches(const ImageInfo& info, const Filters& filters, const FilterContext& context) {
  return all_hold(info, filters, context, image_holds);
}

Result<void> check_image_filters(const Filters& filters, const FilterContext& context) {
  const ImageInfo any{.id = {},
                      .manifest = {.media_type = {}, .digest = digest_of(""), .platform = {}, .annotations = {}},
                      .names = {},
                      .repo_digests = {},
                      .name_history = {},
                      .config = {},
                      .layer_sizes_bytes = {},
                      .created = {}};
  TRY(image_matches(any, filters, context));
  return ok();
}

bool filters_names(const Filters& filters) {
  return std::any_of(filters.begin(), filters.end(), [](const auto& filter) { return filter.key == "dangling"; });
}

Result<bool> volume_matches(const VolumeInfo& info, const Filters& filters, const FilterContext& context) {
  return all_hold(info, filters, context, volume_holds);
}

Result<bool> network_matches(const NetworkInfo& info, const Filters& filters, const FilterContext& context) {
  return all_hold(info, filters, context, network_holds);
}

Result<bool> pod_matches(const PodInfo& info, const Filters& filters, const FilterContext& context) {
  return all_hold(info, filters, context, pod_holds);
}

Result<bool> secret_matches(const SecretInfo& info, const Filters& filters) {
  return all_hold(info, filters, {}, secret_holds);
}

}  // namespace ctr::engine

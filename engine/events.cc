#include "engine/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ctr::engine {

namespace {

// How every document of to_json() begins. It cannot stand inside of a string: there its quotes are escaped.
constexpr std::string_view k_document_start = R"({"Name":)";
constexpr size_t k_short_id = 12;

bool has_label(const Event& event, std::string_view wanted) {
  const auto parts = split_once(wanted, '=');
  const auto found = event.attributes.find(parts ? parts->first : std::string(wanted));
  return found != event.attributes.end() && (!parts || found->second == parts->second);
}

// Of the named type, with that name or an id that begins so.
bool is_object(const Event& event, std::string_view type, const std::string& word) {
  return event.type == type && (event.name == word || (!event.id.empty() && event.id.starts_with(word)));
}

constexpr std::array<std::string_view, 4> k_object_keys = {"container", "image", "pod", "volume"};

Result<bool> holds(const Event& event, const std::string& key, const std::string& value) {
  if (std::find(k_object_keys.begin(), k_object_keys.end(), key) != k_object_keys.end()) {
    return is_object(event, key, value);
  }
  // docker's word for the same.
  if (key == "event" || key == "status") return event.status == (value == "die" ? "died" : value);
  if (key == "type") return event.type == to_lower(value);
  if (key == "label") return has_label(event, value);
  return Error(Errc::invalid, fmt::format("{} is an invalid filter", printable(key)));
}

}  // namespace

Event object_event(std::string_view type, std::string_view status, std::string_view id, std::string_view name) {
  Event event;
  event.type = type;
  event.status = status;
  event.id = id;
  event.name = name;
  return event;
}

Json to_json(const Event& event) {
  Json json = Json::object().set("Name", event.name);
  if (!event.id.empty()) json.set("ID", event.id);
  if (!event.image.empty()) json.set("Image", event.image);
  json.set("Status", event.status)
      .set("Type", event.type)
      .set("time", to_unix_seconds(event.time))
      .set("timeNano", int64_t{event.time.time_since_epoch().count()});
  if (event.exit_code) json.set("ContainerExitCode", *event.exit_code);
  if (!event.health.empty()) json.set("health_status", event.health);
  if (!event.health_log.empty()) json.set("health_log", event.health_log);
  if (!event.pod.empty()) json.set("PodID", event.pod);
  if (!event.network.empty()) json.set("network", event.network);
  if (!event.attributes.empty()) json.set("Attributes", Json::string_map(event.attributes));
  return json;
}

Result<Event> event_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  Event event;
  event.name = TRY(reader.string_or("Name", ""));
  event.id = TRY(reader.string_or("ID", ""));
  event.image = TRY(reader.string_or("Image", ""));
  event.status = TRY(reader.get_string("Status"));
  event.type = TRY(reader.get_string("Type"));
  event.time = TimePoint(std::chrono::nanoseconds(TRY(reader.get_int("timeNano"))));
  event.health = TRY(reader.string_or("health_status", ""));
  event.health_log = TRY(reader.string_or("health_log", ""));
  event.pod = TRY(reader.string_or("PodID", ""));
  event.network = TRY(reader.string_or("network", ""));
  if (std::optional<int64_t> code = TRY(reader.find_int("ContainerExitCode"))) {
    event.exit_code = static_cast<int>(*code);
  }
  event.attributes = TRY(reader.string_map("Attributes"));
  return event;
}

std::optional<Event> parse_event_line(std::string_view line) {
  const size_t start = line.rfind(k_document_start);
  if (start == std::string_view::npos) return std::nullopt;
  const auto json = parse_own_json(line.substr(start), "event");
  if (!json) return std::nullopt;
  auto event = event_from_json(JsonReader(*json, "event"));
  if (!event) return std::nullopt;
  return std::move(*event);
}

std::string format_event(const Event& event, EventIds ids) {
  const auto id = ids == EventIds::whole ? event.id : event.id.substr(0, k_short_id);
  auto line = fmt::format("{} {} {}", format_go_time(event.time), event.type, event.status);
  if (event.type == "image") return fmt::format("{} {} {}", line, id, event.name);
  if (event.type == "secret") return fmt::format("{} {}", line, id);
  if (!event.network.empty()) return fmt::format("{} {} (container={}, name={})", line, id, id, event.network);
  if (event.type != "container" && event.type != "pod") {
    return event.name.empty() ? line : fmt::format("{} {}", line, event.name);
  }
  line += fmt::format(" {} (image={}, name={}", id, event.image, event.name);
  if (!event.pod.empty()) line += fmt::format(", pod_id={}", event.pod);
  if (!event.health.empty()) line += fmt::format(", health_status={}", event.health);
  if (!event.health_log.empty()) line += fmt::format(", health_log={}", event.health_log);
  for (const auto& [key, value] : event.attributes) line += fmt::format(", {}={}", key, value);
  return line + ")";
}

Result<bool> event_matches(const Event& event, const std::vector<ContainerFilter>& filters) {
  std::map<std::string, bool> by_key;
  for (const auto& filter : filters) {
    const bool held = TRY(holds(event, to_lower(filter.key), filter.value));
    bool& any = by_key[to_lower(filter.key)];
    any = any || held;
  }
  return std::all_of(by_key.begin(), by_key.end(), [](const auto& key) { return key.second; });
}

}  // namespace ctr::engine

#include "engine/event_journal.h"

#include <fmt/format.h>

#include "base/parse.h"
#include "engine/core.h"
#include "engine/journal_reader.h"

namespace ctr::engine {
namespace {

constexpr const char* k_identifier = "ctr";

std::string value_of(const JournalRecord& entry, std::string_view name) {
  const auto found = entry.find(name);
  return found == entry.end() ? std::string() : found->second;
}

// Journald keeps entries in the order they came; the time of an event is a little before.
constexpr std::chrono::seconds k_slack{5};

}  // namespace

std::vector<std::pair<std::string_view, std::string>> journal_fields(const Event& event) {
  std::vector<std::pair<std::string_view, std::string>> fields = {
      {"MESSAGE", format_event(event, EventIds::whole)},
      {"PRIORITY", "6"},
      {"SYSLOG_IDENTIFIER", k_identifier},
      {"PODMAN_EVENT", event.status},
      {"PODMAN_TYPE", event.type},
      {"PODMAN_TIME", format_rfc3339_nano(event.time)},
  };
  const auto add = [&](std::string_view name, std::string value) {
    if (!value.empty()) fields.emplace_back(name, std::move(value));
  };
  add("PODMAN_ID", event.id);
  add("PODMAN_NAME", event.name);
  add("PODMAN_IMAGE", event.image);
  if (event.exit_code) add("PODMAN_EXIT_CODE", std::to_string(*event.exit_code));
  add("PODMAN_POD_ID", event.pod);
  add("PODMAN_NETWORK_NAME", event.network);
  add("PODMAN_HEALTH_STATUS", event.health);
  add("PODMAN_HEALTH_LOG", event.health_log);
  if (!event.attributes.empty()) add("PODMAN_LABELS", dump_json(Json::string_map(event.attributes)));
  return fields;
}

std::optional<Event> event_of(const JournalRecord& entry) {
  Event event;
  event.status = value_of(entry, "PODMAN_EVENT");
  event.type = value_of(entry, "PODMAN_TYPE");
  const auto time = parse_rfc3339(value_of(entry, "PODMAN_TIME"), "PODMAN_TIME");
  if (event.status.empty() || event.type.empty() || !time) return std::nullopt;
  event.time = *time;
  event.id = value_of(entry, "PODMAN_ID");
  event.name = value_of(entry, "PODMAN_NAME");
  event.image = value_of(entry, "PODMAN_IMAGE");
  event.pod = value_of(entry, "PODMAN_POD_ID");
  event.network = value_of(entry, "PODMAN_NETWORK_NAME");
  event.health = value_of(entry, "PODMAN_HEALTH_STATUS");
  event.health_log = value_of(entry, "PODMAN_HEALTH_LOG");
  if (const auto code = parse_signed(value_of(entry, "PODMAN_EXIT_CODE"), "PODMAN_EXIT_CODE")) {
    event.exit_code = static_cast<int>(*code);
  }
  if (const auto labels = parse_json(value_of(entry, "PODMAN_LABELS"), "PODMAN_LABELS");
      labels && labels->is_object()) {
    for (const auto& [name, value] : labels->as_object()) {
      if (value.is_string()) event.attributes.emplace(name, value.as_string());
    }
  }
  return event;
}

Result<void> append_to_journal(std::span<Event> events) {
  auto journal = TRY(Journal::connect());
  for (auto& event : events) {
    if (event.time == TimePoint()) event.time = now();
    std::vector<JournalField> fields;
    const auto owned = journal_fields(event);
    for (const auto& [name, value] : owned) fields.push_back({name, value});
    TRY(journal.send(fields));
  }
  return ok();
}

void record_image_event(const EngineOptions& options, const Dir& store, std::string_view status, std::string_view id,
                        std::string_view name) {
  std::string backend = environment_value(options.environment, k_events_variable);
  if (backend.empty()) {
    const auto config = load_config(options.environment, options.paths, options.uid);
    backend = config ? config->events_logger : "file";
  }
  if (backend == "none") return;
  Event event = object_event("image", status, id, name);
  EventWriter writer;
  const auto written = backend == "journald" ? append_to_journal({&event, 1}) : writer.append(store, {&event, 1});
  written.ignore("the image is there; the event log is a convenience");
}

Result<void> read_journal_events(const Environment& environment, unsigned uid, const EventQuery& query,
                                 const EventSink& sink, const std::function<Result<void>()>& idle,
                                 const CancelToken& cancel) {
  (void)TRY(event_matches({}, query.filters));
  JournalQuery journal;
  journal.matches = {fmt::format("SYSLOG_IDENTIFIER={}", k_identifier), fmt::format("_UID={}", uid)};
  journal.since = query.since;
  if (query.until && !query.follow) journal.until = *query.until + k_slack;
  journal.follow = query.follow;
  if (query.follow && !query.since && !query.until) journal.last = 0;
  const auto take = [&](const JournalRecord& entry) -> Result<void> {
    const auto event = event_of(entry);
    if (!event || (query.since && event->time < *query.since) || (query.until && event->time > *query.until))
      return ok();
    if (!TRY(event_matches(*event, query.filters))) return ok();
    return sink(*event);
  };
  const auto wait = [&]() -> Result<std::optional<std::chrono::milliseconds>> {
    using std::chrono::milliseconds;
    TRY(idle());
    if (!query.until) return std::optional(milliseconds(INT32_MAX));
    // What was recorded until then needs a moment to come out of the journal.
    const auto left = std::chrono::ceil<milliseconds>(elapsed(now(), *query.until + k_slack / 5));
    return left.count() > 0 ? std::optional(left) : std::nullopt;
  };
  return read_journal(environment, journal, take, wait, cancel);
}

}  // namespace ctr::engine

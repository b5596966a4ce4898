// Events: what happened to containers, images, volumes and secrets, as values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/engine.h"

namespace ctr::engine {

struct Event {
  TimePoint time;      // the epoch: the moment it is recorded
  std::string type;    // "container", "image", …
  std::string status;  // "create", "start", "died", … (podman's words)
  std::string id;
  std::string name;
  std::string image;
  std::optional<int> exit_code = {};
  std::string health = {};                             // of health_status
  std::string health_log = {};                         // with --health-log-destination events_logger
  std::map<std::string, std::string> attributes = {};  // the container's labels
  std::string pod = {};                                // the id of the container's pod
  std::string network = {};                            // that the container was connected to, or disconnected from
  bool operator==(const Event&) const = default;
};

// Of an image, a volume or a secret, at the moment it is recorded.
Event object_event(std::string_view type, std::string_view status, std::string_view id, std::string_view name);

// With podman's member names: Name ID Image Status Type time timeNano Attributes ContainerExitCode health_status. The
// name comes first in every document; of the others those that are empty are left out.
Json to_json(const Event& event);
Result<Event> event_from_json(const JsonReader& reader);

// One line of events.jsonl, without its newline. A line in front of which another writer was killed in the middle of
// its own is still found. nullopt when it holds no event.
std::optional<Event> parse_event_line(std::string_view line);

enum class EventIds { whole, shortened };
// `2026-11-23 16:02:17.284 +0000 UTC container start ID (image=…, name=…, label=value)`, and what podman prints of the
// other types.
std::string format_event(const Event& event, EventIds ids);

// Several values of one key are alternatives; keys must all hold.
// Errors: invalid ("nosuch is an invalid filter").
Result<bool> event_matches(const Event& event, const std::vector<ContainerFilter>& filters);

}  // namespace ctr::engine

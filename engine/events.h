// events.jsonl: what happened to containers and images, one JSON object a line, appended by every ctr process.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace ctr::engine {

struct Event {
  TimePoint time;
  std::string type;    // "container", "image", …
  std::string status;  // "create", "start", "died", … (podman's words)
  std::string id;
  std::string name;
  std::string image;
  std::optional<int> exit_code;
  std::string health;                             // of health_status
  std::map<std::string, std::string> attributes;  // labels
  bool operator==(const Event&) const = default;
};
// With podman's member names: Name ID Image Status Type time timeNano Attributes ContainerExitCode health_status.
Json to_json(const Event& event);
Result<Event> event_from_json(const JsonReader& reader);
// `2026-11-23 16:02:17.284 +0000 UTC container start ID (image=…, name=…, label=value)`.
std::string format_event(const Event& event);

// Appends one line with a single write(2), so that lines of several processes do not mix. Over 4 MiB the file becomes
// events.jsonl.1.
Result<void> append_event(const Dir& store, const Event& event);
// Reads events.jsonl.1 and events.jsonl in order. Lines that are no events (a torn last line after a power cut) are
// left out.
Result<void> read_events(const Dir& store, const std::function<Result<void>(const Event&)>& sink);

}  // namespace ctr::engine

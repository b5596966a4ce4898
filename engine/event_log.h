// events.jsonl: one event a line, appended by every ctr process. At 4 MiB the file becomes events.jsonl.1, so that both
// together stay below 8 MiB and one line for each process that writes at that moment.
//
// A line is written by one write(2) with O_APPEND, so that those of several processes do not mix, and is never synced:
// after a power cut the last ones may be missing. A process that is killed in the middle of its line harms no other.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/events.h"

namespace ctr::engine {

inline constexpr const char* k_events_file = "events.jsonl";
inline constexpr const char* k_former_events_file = "events.jsonl.1";
inline constexpr int64_t k_events_limit_bytes = int64_t{4} << 20;

// Keeps the file open between events that follow one another, since a verb often makes several.
class [[nodiscard]] EventWriter {
 public:
  // All of them with one write(2). Those without a time get that of now. Errors: io, no_space.
  Result<void> append(const Dir& store, std::span<Event> events);
  void close() { file_.reset(); }

 private:
  Fd file_;
  TimePoint opened_;
};

struct EventQuery {
  std::optional<TimePoint> since = {};
  std::optional<TimePoint> until = {};
  std::vector<ContainerFilter> filters = {};
  bool follow = false;  // go on until `until`, or for ever; without since or until: from now on
};
using EventSink = std::function<Result<void>(const Event& event)>;

// Calls `sink` for the events that the query lets through, in the order they were written, and `idle` before each wait
// for more.
// Errors: invalid for a filter, on an empty log too; what `sink` and `idle` return; interrupted.
Result<void> read_events(const Dir& store, const EventQuery& query, const EventSink& sink,
                         const std::function<Result<void>()>& idle, const CancelToken& cancel);

}  // namespace ctr::engine

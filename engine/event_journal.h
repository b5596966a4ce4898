// Events in the journal of systemd, with podman's fields: PODMAN_EVENT, PODMAN_TYPE, PODMAN_TIME, PODMAN_NAME,
// PODMAN_ID, PODMAN_IMAGE, PODMAN_EXIT_CODE, PODMAN_HEALTH_STATUS and PODMAN_LABELS.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/journal.h"
#include "base/paths.h"
#include "engine/event_log.h"

namespace ctr::engine {

std::vector<std::pair<std::string_view, std::string>> journal_fields(const Event& event);
// nullopt when it is no event.
std::optional<Event> event_of(const JournalRecord& entry);

// Those without a time get that of now. Errors: as Journal::connect() and send().
Result<void> append_to_journal(std::span<Event> events);
// For processes that have no Core, to where the options or the configuration say. The event log is a convenience: what
// cannot be written is left out.
void record_image_event(const EngineOptions& options, const Dir& store, std::string_view status, std::string_view id,
                        std::string_view name);
// As read_events().
Result<void> read_journal_events(const Environment& environment, unsigned uid, const EventQuery& query,
                                 const EventSink& sink, const std::function<Result<void>()>& idle,
                                 const CancelToken& cancel);

}  // namespace ctr::engine

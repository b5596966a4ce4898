// events.
#include <fmt/format.h>

#include "base/parse.h"
#include "base/text.h"
#include "cli/commands/all.h"
#include "cli/commands/common.h"
#include "cli/output.h"
#include "cli/report.h"
#include "engine/system_verbs.h"

namespace ctr::cli {
namespace {

constexpr std::array k_options = {
    list("filter", 'f', "KEY=VALUE", "Only events that match: container, event, image, label, pod, type, volume"),
    value("format", 0, "FORMAT", "json, or a Go template"),
    flag("no-trunc", 0, "Whole ids (default true)"),
    value("since", 0, "TIME",
          "From TIME on: RFC 3339, unix seconds, or a duration that is subtracted from now; then those that follow"),
    flag("stream", 0, "Wait for what happens (default true)"),
    value("until", 0, "TIME", "Up to TIME: as --since, but a duration is added to now"),
};

// A duration lies ahead, and behind with a minus.
Result<TimePoint> until_time(const std::string& text, TimePoint reference) {
  if (const auto ahead = parse_duration(text, "--until")) {
    return *ahead > TimePoint::max() - reference ? TimePoint::max() : reference + *ahead;
  }
  return parse_time_or_ago(text, reference, "--until");
}

Result<engine::EventQuery> event_query(const Args& args) {
  engine::EventQuery query;
  const auto reference = now();
  if (args.has("since")) query.since = TRY(parse_time_or_ago(args.text("since"), reference, "--since"));
  if (args.has("until")) query.until = TRY(until_time(args.text("until"), reference));
  query.filters = TRY(parse_filters(args));
  query.follow = args.flag("stream", true);
  return query;
}

// As templates see it.
Json event_row(const engine::Event& event) {
  return Json::object()
      .set("ID", event.id)
      .set("Name", event.name)
      .set("Image", event.image)
      .set("Type", event.type)
      .set("Status", event.status)
      .set("Time", to_unix_seconds(event.time))
      .set("TimeNano", int64_t{event.time.time_since_epoch().count()})
      .set("ContainerExitCode", event.exit_code.value_or(0))
      .set("HealthStatus", event.health)
      .set("Network", event.network)
      .set("PodID", event.pod)
      .set("Error", "")
      .set("Attributes", Json::string_map(event.attributes));
}

Listing events_listing() {
  Listing listing;
  listing.name = "events";
  listing.types.root = "*events.Event";
  listing.types.maps = {"Attributes"};
  return listing;
}

Result<std::string> event_line(const engine::Event& event, const std::string& format, engine::EventIds ids) {
  if (format.empty()) return printable(engine::format_event(event, ids), SIZE_MAX) + "\n";
  if (is_json_format(format)) return dump_json(to_json(event)) + "\n";
  Json rows = Json::array();
  rows.push(event_row(event));
  return print_format(events_listing(), format, rows, Heading::no);
}

Result<int> events(Context& context, const Args& args) {
  const auto query = TRY(event_query(args));
  const std::string format = args.text("format");
  const auto ids = args.flag("no-trunc", true) ? engine::EventIds::whole : engine::EventIds::shortened;
  auto& output = context.output();
  // A template that is wrong is told at once, not with the first event.
  (void)TRY(event_line({}, format, ids));
  const auto print = [&](const engine::Event& event) -> Result<void> {
    output.print(TRY(event_line(event, format, ids)));
    return ok();
  };
  auto& verbs = engine::system_verbs(*TRY(context.engine()));
  TRY(verbs.events(query, print, [&] { return output.flush(); }));
  return 0;
}

constexpr std::string_view k_aliases[] = {"system events"};

}  // namespace

constexpr Command k_events_command = {.name = "events",
                                      .aliases = k_aliases,
                                      .usage = "[options]",
                                      .summary = "Show what happens to containers, images, volumes and secrets",
                                      .options = {group<k_options>},
                                      .most_words = 0,
                                      .run = events};

}  // namespace ctr::cli

#include "engine/events.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace ctr::engine {

namespace {

constexpr const char* k_events_file = "events.jsonl";
constexpr const char* k_former_file = "events.jsonl.1";
constexpr off_t k_max_size_bytes = off_t{4} << 20;
constexpr size_t k_read_limit_bytes = size_t{16} << 20;

Result<void> read_file_events(const Dir& store, const char* name,
                              const std::function<Result<void>(const Event&)>& sink) {
  Result<std::string> text = store.read_file(name, k_read_limit_bytes);
  if (!text && text.error().code() == Errc::not_found) return ok();
  if (!text) return std::move(text).error();
  std::string_view rest = *text;
  for (size_t newline = rest.find('\n'); newline != std::string_view::npos; newline = rest.find('\n')) {
    std::string_view line = rest.substr(0, newline);
    rest.remove_prefix(newline + 1);
    Result<Json> json = parse_json(line, name);
    if (!json) continue;
    Result<Event> event = event_from_json(JsonReader(*json, name));
    if (event) TRY(sink(*event));
  }
  return ok();
}

}  // namespace

Json to_json(const Event& event) {
  Json json = Json::object()
                  .set("Name", event.name)
                  .set("ID", event.id)
                  .set("Image", event.image)
                  .set("Status", event.status)
                  .set("Type", event.type)
                  .set("time", to_unix_seconds(event.time))
                  .set("timeNano", int64_t{event.time.time_since_epoch().count()});
  if (event.exit_code) json.set("ContainerExitCode", *event.exit_code);
  if (!event.health.empty()) json.set("health_status", event.health);
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
  if (std::optional<int64_t> code = TRY(reader.find_int("ContainerExitCode"))) {
    event.exit_code = static_cast<int>(*code);
  }
  event.attributes = TRY(reader.string_map("Attributes"));
  return event;
}

std::string format_event(const Event& event) {
  std::string line = format_go_time(event.time) + " " + event.type + " " + event.status + " " + event.id + " (";
  line += event.type == "container" ? "image=" + event.image + ", name=" + event.name : "name=" + event.name;
  for (const auto& [key, value] : event.attributes) line.append(", ").append(key).append("=").append(value);
  return line + ")";
}

Result<void> append_event(const Dir& store, const Event& event) {
  Fd file = TRY(store.open_file(k_events_file, O_WRONLY | O_APPEND | O_CREAT, 0600));
  struct stat facts = {};
  if (::fstat(file.get(), &facts) == 0 && facts.st_size >= k_max_size_bytes) {
    // Two processes may do so at once: the second then keeps the few events in between, and loses the older ones.
    TRY(store.rename(k_events_file, store, k_former_file));
    file = TRY(store.open_file(k_events_file, O_WRONLY | O_APPEND | O_CREAT, 0600));
  }
  return write_all(file.get(), dump_json(to_json(event)) + "\n", "write events.jsonl");
}

Result<void> read_events(const Dir& store, const std::function<Result<void>(const Event&)>& sink) {
  TRY(read_file_events(store, k_former_file, sink));
  return read_file_events(store, k_events_file, sink);
}

}  // namespace ctr::engine

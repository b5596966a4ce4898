#include "engine/events.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/event_log.h"
#include "tests/catch.h"
#include "tests/temporary_dir.h"

namespace ctr::engine {
namespace {

using namespace std::chrono_literals;

Event started(const std::string& name) {
  auto event = object_event("container", "start", std::string(64, 'a'), name);
  event.image = "docker.io/library/debian:12";
  event.attributes = {{"app", "web"}, {"tier", "front"}};
  event.time = TimePoint(1'700'000'000s + 5ms);
  return event;
}

std::vector<Event> read(const Dir& store, const EventQuery& query = {}) {
  std::vector<Event> events;
  const auto take = [&](const Event& event) -> Result<void> {
    events.push_back(event);
    return ok();
  };
  REQUIRE(read_events(store, query, take, ok, {}));
  return events;
}

void append(const Dir& store, Event event) {
  EventWriter writer;
  REQUIRE(writer.append(store, {&event, 1}));
}

void append_raw(const Dir& store, const std::string& text) {
  const auto file = store.open_file(k_events_file, O_WRONLY | O_APPEND | O_CREAT, 0600);
  REQUIRE(file);
  REQUIRE(write_all(file->get(), text, "events"));
}

}  // namespace

TEST_CASE("an event is the same after it was written and read") {
  auto event = started("web");
  event.exit_code = 137;
  event.health = "healthy";
  event.pod = std::string(64, 'c');
  CHECK(parse_event_line(dump_json(to_json(event))) == event);
  CHECK(parse_event_line(dump_json(to_json(object_event("volume", "create", "", "v")))) ==
        object_event("volume", "create", "", "v"));
}

TEST_CASE("events print as podman prints them") {
  CHECK(format_event(started("web"), EventIds::shortened) ==
        "2023-11-14 22:13:20.005 +0000 UTC container start aaaaaaaaaaaa (image=docker.io/library/debian:12, name=web, "
        "app=web, tier=front)");
  auto member = started("web");
  member.pod = std::string(64, 'c');
  CHECK(format_event(member, EventIds::shortened) ==
        "2023-11-14 22:13:20.005 +0000 UTC container start aaaaaaaaaaaa (image=docker.io/library/debian:12, name=web, "
        "pod_id=" +
            std::string(64, 'c') + ", app=web, tier=front)");
  auto image = object_event("image", "pull", std::string(64, 'b'), "debian:12");
  image.time = started("").time;
  CHECK(format_event(image, EventIds::whole) ==
        "2023-11-14 22:13:20.005 +0000 UTC image pull " + std::string(64, 'b') + " debian:12");
  auto volume = object_event("volume", "create", "", "data");
  volume.time = image.time;
  CHECK(format_event(volume, EventIds::whole) == "2023-11-14 22:13:20.005 +0000 UTC volume create data");
  auto system = object_event("system", "prune", "", "");
  system.time = image.time;
  CHECK(format_event(system, EventIds::whole) == "2023-11-14 22:13:20.005 +0000 UTC system prune");
}

TEST_CASE("values of one filter are alternatives, and all keys must hold") {
  const auto event = started("web");
  CHECK(event_matches(event, {}).value());
  CHECK(event_matches(event, {{"container", "web"}}).value());
  CHECK(event_matches(event, {{"container", "aaaa"}}).value());
  CHECK_FALSE(event_matches(event, {{"container", "we"}}).value());
  CHECK_FALSE(event_matches(event, {{"image", "aaaa"}}).value());
  CHECK(event_matches(event, {{"event", "stop"}, {"event", "start"}}).value());
  CHECK_FALSE(event_matches(event, {{"event", "start"}, {"type", "image"}}).value());
  CHECK(event_matches(event, {{"label", "app"}, {"type", "container"}}).value());
  CHECK(event_matches(event, {{"label", "app=web"}}).value());
  CHECK_FALSE(event_matches(event, {{"label", "app=we"}}).value());
  auto died = event;
  died.status = "died";
  CHECK(event_matches(died, {{"event", "die"}}).value());
  // An object without an id begins with no id.
  CHECK_FALSE(event_matches(object_event("volume", "create", "", "v"), {{"volume", "w"}}).value());
  const auto wrong = event_matches({}, {{"nosuch", "x"}});
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().text() == "nosuch is an invalid filter");
}

TEST_CASE("a writer that was killed in the middle of its line harms no other") {
  const test::TemporaryDir dir;
  append(dir.dir(), started("first"));
  append_raw(dir.dir(), dump_json(to_json(started("torn"))).substr(0, 100));
  append(dir.dir(), started("second"));
  append_raw(dir.dir(), std::string(20, '\0') + "\nnonsense\n{\"Name\":3}\n" + R"({"Name":"unfinished")");
  const auto events = read(dir.dir());
  REQUIRE(events.size() == 2);
  CHECK(events[0] == started("first"));
  CHECK(events[1] == started("second"));
}

TEST_CASE("events before and after the asked times are left out") {
  const test::TemporaryDir dir;
  auto event = started("web");
  for (int second = 0; second < 5; ++second) {
    event.exit_code = second;
    append(dir.dir(), event);
    event.time += 1s;
  }
  EventQuery query;
  query.since = started("").time + 1s;
  query.until = started("").time + 3s;
  const auto events = read(dir.dir(), query);
  REQUIRE(events.size() == 3);
  CHECK(events.front().exit_code == 1);
  CHECK(events.back().exit_code == 3);
  // A time that has come ends what would follow.
  query.follow = true;
  CHECK(read(dir.dir(), query).size() == 3);
}

TEST_CASE("a log that is full starts anew, and the former one stays readable") {
  const test::TemporaryDir dir;
  append(dir.dir(), started("first"));
  append_raw(dir.dir(), std::string(size_t{k_events_limit_bytes}, 'x') + "\n");
  append(dir.dir(), started("second"));
  CHECK(dir.dir().find(k_former_events_file).value()->st_size > k_events_limit_bytes);
  CHECK(dir.dir().find(k_events_file).value()->st_size < 1000);
  const auto events = read(dir.dir());
  REQUIRE(events.size() == 2);
  CHECK(events[0].name == "first");
  CHECK(events[1].name == "second");
}

TEST_CASE("processes that write at once lose no event, also when the log gets full") {
  const test::TemporaryDir dir;
  constexpr int k_writers = 4;
  constexpr int k_each = 50;
  append_raw(dir.dir(), std::string(size_t{k_events_limit_bytes} - 4000, 'x') + "\n");
  std::vector<pid_t> writers;
  for (int writer = 0; writer < k_writers; ++writer) {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      for (int count = 0; count < k_each; ++count) {
        auto event = started("web");
        EventWriter once;
        if (!once.append(dir.dir(), {&event, 1})) ::_exit(1);
      }
      ::_exit(0);
    }
    writers.push_back(pid);
  }
  for (const pid_t pid : writers) {
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
  }
  CHECK(read(dir.dir()).size() == k_writers * k_each);
  CHECK(dir.dir().exists(k_former_events_file));
}

}  // namespace ctr::engine

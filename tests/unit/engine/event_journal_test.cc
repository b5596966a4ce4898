#include "engine/event_journal.h"

#include <string>

#include "engine/journal_reader.h"
#include "engine/log_choice.h"
#include "tests/catch.h"

namespace ctr::engine {

TEST_CASE("an event comes out of the journal as it went in") {
  Event event = object_event("container", "died", std::string(64, 'a'), "web");
  event.time = from_unix_seconds(1700000000);
  event.image = "localhost/app:1";
  event.exit_code = 3;
  event.health_log = R"({"Status":"healthy"})";
  event.attributes = {{"a", "b"}, {"text", "two\nlines"}};
  JournalRecord record;
  for (const auto& [name, value] : journal_fields(event)) record.emplace(name, value);
  CHECK(record.at("PODMAN_EVENT") == "died");
  CHECK(record.at("PODMAN_EXIT_CODE") == "3");
  CHECK(record.at("SYSLOG_IDENTIFIER") == "ctr");
  const auto back = event_of(record);
  REQUIRE(back);
  CHECK(*back == event);
  record.erase("PODMAN_TIME");
  CHECK_FALSE(event_of(record));
}

TEST_CASE("what journalctl is asked") {
  JournalQuery query;
  query.matches = {"CONTAINER_ID_FULL=a", "CONTAINER_ID_FULL=b"};
  const std::vector<std::string> common = {"--output=json", "--all", "--quiet", "--no-pager"};
  auto words = common;
  words.insert(words.end(), {"CONTAINER_ID_FULL=a", "CONTAINER_ID_FULL=b"});
  CHECK(journalctl_arguments(query) == words);
  query.since = from_unix_seconds(5) + std::chrono::microseconds(7);
  query.until = from_unix_seconds(6);
  query.follow = true;
  query.matches.clear();
  words = common;
  words.insert(words.end(), {"--since=@5.000007", "--until=@6.000000", "--follow", "--lines=all"});
  CHECK(journalctl_arguments(query) == words);
  query.last = 2;
  CHECK(journalctl_arguments(query).back() == "--lines=2");
}

TEST_CASE("a tag of a log has the container's values") {
  ContainerRecord record;
  record.id = "abc";
  record.name = "web";
  record.image_name = "localhost/app:1";
  record.image_id = "def";
  CHECK(expand_tag("plain", record).value() == "plain");
  CHECK(expand_tag("{{.Name}}/{{ .ID }}-{{.ImageName}}", record).value() == "web/abc-localhost/app:1");
  CHECK(expand_tag("{{.ImageID}}", record).value() == "def");
  CHECK(expand_tag("{{.Nosuch}}", record).error().code() == Errc::invalid);
  CHECK(expand_tag("{{.Name", record).error().code() == Errc::invalid);
}

}  // namespace ctr::engine

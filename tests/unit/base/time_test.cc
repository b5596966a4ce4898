#include "base/time.h"

#include <string>

#include "tests/catch.h"

using namespace std::chrono_literals;
using ctr::TimePoint;

namespace {

std::string read(std::string_view text) {
  auto time = ctr::parse_rfc3339(text, "created");
  return time ? ctr::format_rfc3339(*time) : "error: " + time.error().message();
}

std::string read_since(std::string_view text) {
  auto reference = ctr::parse_rfc3339("2026-11-23T16:00:00Z", "now").value();
  auto time = ctr::parse_time_or_ago(text, reference, "--since");
  return time ? ctr::format_rfc3339(*time) : "error: " + time.error().message();
}

}  // namespace

TEST_CASE("times print as Go prints them") {
  TimePoint time = ctr::parse_rfc3339("2026-11-23T16:02:17.284Z", "x").value();
  CHECK(ctr::format_rfc3339_nano(time) == "2026-11-23T16:02:17.284000000Z");
  CHECK(ctr::format_rfc3339(time) == "2026-11-23T16:02:17.284Z");
  CHECK(ctr::format_go_time(time) == "2026-11-23 16:02:17.284 +0000 UTC");
  TimePoint whole = ctr::from_unix_seconds(0);
  CHECK(ctr::format_rfc3339(whole) == "1970-01-01T00:00:00Z");
  CHECK(ctr::format_go_time(whole) == "1970-01-01 00:00:00 +0000 UTC");
}

TEST_CASE("times are read with any offset and fraction") {
  CHECK(read("2026-11-23T16:02:24.663786201Z") == "2026-11-23T16:02:24.663786201Z");
  CHECK(read("2026-11-23T16:02:24+02:00") == "2026-11-23T14:02:24Z");
  CHECK(read("2026-01-01T00:30:00.5-05:30") == "2026-01-01T06:00:00.5Z");
  CHECK(read("2024-02-29T00:00:00Z") == "2024-02-29T00:00:00Z");
  CHECK(read("2026-11-23T16:02:24.1234567891Z") == "2026-11-23T16:02:24.123456789Z");
  CHECK(read("1969-12-31T23:59:59.5Z") == "1969-12-31T23:59:59.5Z");
}

TEST_CASE("what is no time is refused") {
  for (const char* bad :
       {"", "2026-11-23", "2026-11-23T16:02:24", "2026-11-23T16:02Z", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z",
        "2026-11-23T24:00:00Z", "2026-11-23T16:02:60Z", "2026-11-23T16:02:24.Z", "2026-11-23T16:02:24Zx",
        "2026-11-23T16:02:24+2:00", "1500-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "-026-11-23T16:02:24Z"}) {
    CAPTURE(bad);
    CHECK_FALSE(ctr::parse_rfc3339(bad, "x"));
  }
  CHECK(read("soon") == "error: 'soon' is not a valid time for created");
}

TEST_CASE("Go's zero time is read and printed") {
  CHECK(ctr::parse_rfc3339("0001-01-01T00:00:00Z", "x").value() == ctr::k_zero_time);
  CHECK(read("0001-01-01T00:00:00Z") == "0001-01-01T00:00:00Z");
  CHECK(ctr::format_go_time(ctr::k_zero_time) == "0001-01-01 00:00:00 +0000 UTC");
  CHECK(ctr::from_unix_seconds(ctr::to_unix_seconds(ctr::k_zero_time)) == ctr::k_zero_time);
  CHECK(ctr::human_duration(ctr::elapsed(ctr::k_zero_time, ctr::now())) == "292 years");
}

TEST_CASE("the ends of the range print without overflow") {
  CHECK(ctr::format_rfc3339(TimePoint(1ns + TimePoint::min().time_since_epoch())) == "1677-09-21T00:12:43.145224193Z");
  CHECK(ctr::format_rfc3339(TimePoint::max()) == "2262-04-11T23:47:16.854775807Z");
}

TEST_CASE("since and until take dates, unix seconds and durations") {
  CHECK(read_since("10m") == "2026-11-23T15:50:00Z");
  CHECK(read_since("-1h") == "2026-11-23T17:00:00Z");
  CHECK(read_since("0") == "1970-01-01T00:00:00Z");
  CHECK(read_since("1795449737") == "2026-11-23T16:02:17Z");
  CHECK(read_since("1795449737.284") == "2026-11-23T16:02:17.284Z");
  CHECK(read_since("2026-11-23") == "2026-11-23T00:00:00Z");
  CHECK(read_since("2026-11-23T16:02") == "2026-11-23T16:02:00Z");
  CHECK(read_since("2026-11-23T16:02:17.5") == "2026-11-23T16:02:17.5Z");
  CHECK(read_since("2026-11-23T16:02:17+01:00") == "2026-11-23T15:02:17Z");
  CHECK(read_since("2026-11-23Z") == "2026-11-23T00:00:00Z");
  CHECK(read_since("yesterday") == "error: 'yesterday' is not a valid time for --since");
  CHECK_FALSE(ctr::parse_time_or_ago("99999999999999", ctr::now(), "x"));
  CHECK_FALSE(ctr::parse_time_or_ago("1795449737.", ctr::now(), "x"));
}

TEST_CASE("durations read as people say them") {
  CHECK(ctr::human_duration(-1s) == "Less than a second");
  CHECK(ctr::human_duration(999ms) == "Less than a second");
  CHECK(ctr::human_duration(1s) == "1 second");
  CHECK(ctr::human_duration(45s) == "45 seconds");
  CHECK(ctr::human_duration(60s) == "About a minute");
  CHECK(ctr::human_duration(119s) == "About a minute");
  CHECK(ctr::human_duration(3min) == "3 minutes");
  CHECK(ctr::human_duration(59min + 59s) == "59 minutes");
  CHECK(ctr::human_duration(1h) == "About an hour");
  CHECK(ctr::human_duration(1h + 29min) == "About an hour");
  CHECK(ctr::human_duration(1h + 30min) == "2 hours");
  CHECK(ctr::human_duration(47h) == "47 hours");
  CHECK(ctr::human_duration(48h) == "2 days");
  CHECK(ctr::human_duration(13 * 24h) == "13 days");
  CHECK(ctr::human_duration(14 * 24h) == "2 weeks");
  CHECK(ctr::human_duration(59 * 24h) == "8 weeks");
  CHECK(ctr::human_duration(60 * 24h) == "2 months");
  CHECK(ctr::human_duration(729 * 24h) == "24 months");
  CHECK(ctr::human_duration(730 * 24h) == "2 years");
}

TEST_CASE("a difference of times stays within what a duration can say") {
  CHECK(ctr::elapsed(ctr::k_zero_time, TimePoint::max()) == std::chrono::nanoseconds::max());
  CHECK(ctr::elapsed(TimePoint::max(), ctr::k_zero_time) == std::chrono::nanoseconds::min());
  CHECK(ctr::elapsed(ctr::from_unix_seconds(1), ctr::from_unix_seconds(3)) == 2s);
}

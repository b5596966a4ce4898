#include "base/signals.h"

#include <csignal>
#include <string>

#include "tests/catch.h"

namespace ctr {

TEST_CASE("a signal is known by name, short name and number") {
  for (const char* text : {"SIGTERM", "TERM", "sigterm", "15"}) {
    const auto parsed = parse_signal(text);
    REQUIRE(parsed);
    CHECK(*parsed == SIGTERM);
  }
  CHECK(*parse_signal("RTMIN") == 34);
  CHECK(*parse_signal("SIGRTMIN+3") == 37);
  CHECK(*parse_signal("RTMAX-1") == 63);
}

TEST_CASE("what is no signal is named in the error") {
  for (const char* text : {"NOSUCH", "", "0", "65", "SIG", "RTMIN3", "RTMIN+99", "15x", "-1"}) {
    const auto parsed = parse_signal(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message() == std::string("invalid signal: ") + text);
  }
}

TEST_CASE("numbers of signals print as names") {
  CHECK(signal_name(SIGKILL) == "SIGKILL");
  CHECK(signal_name(SIGABRT) == "SIGABRT");
  CHECK(signal_name(37) == "SIGRTMIN+3");
  CHECK(signal_name(32) == "32");
}

}  // namespace ctr

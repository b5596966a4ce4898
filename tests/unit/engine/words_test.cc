#include "engine/ulimit_words.h"
#include "engine/userns_words.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;

TEST_CASE("a user namespace is said as it was asked for") {
  for (const auto* words : {"", "nomap", "keep-id", "keep-id:uid=1000,gid=7,size=5000", "auto", "auto:size=9",
                            "auto:uidmapping=0:1:2,gidmapping=0:1:2"}) {
    INFO(words);
    const auto choice = parse_userns(words);
    REQUIRE(choice);
    CHECK(userns_words(*choice) == words);
  }
  CHECK(userns_words(*parse_userns("container:x")) == std::nullopt);
  CHECK_FALSE(parse_userns("keep-id:uid"));
  CHECK_FALSE(parse_userns("auto:size=0"));
}

TEST_CASE("a limit is a name and one or two numbers") {
  CHECK(*parse_ulimit("RLIMIT_NOFILE=1:2") == UlimitSpec{"nofile", 1, 2});
  CHECK(*parse_ulimit("core=unlimited") == UlimitSpec{"core", -1, -1});
  for (const auto* text : {"nofile", "nofile=", "nofile=2:1", "nofile=-2", "files=1", "nofile=1:2:3"}) {
    INFO(text);
    CHECK_FALSE(parse_ulimit(text));
  }
}

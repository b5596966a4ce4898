#include <string>

#include "base/oci/platform.h"
#include "tests/catch.h"

using ctr::oci::match_score;
using ctr::oci::parse_platform;
using ctr::oci::Platform;

namespace {

Platform platform(const std::string& text) {
  const auto parsed = parse_platform(text);
  REQUIRE(parsed);
  return *parsed;
}

}  // namespace

TEST_CASE("platforms are read with one, two or three parts") {
  CHECK(platform("arm64") == Platform{.os = "linux", .architecture = "arm64", .variant = ""});
  CHECK(platform("linux/amd64").to_string() == "linux/amd64");
  CHECK(platform("linux/arm/v7").to_string() == "linux/arm/v7");
  CHECK(platform("linux/arm/7").to_string() == "linux/arm/v7");
  CHECK(platform("linux") == ctr::oci::host_platform());
}

TEST_CASE("names of uname and Debian are normalised") {
  CHECK(platform("x86_64").architecture == "amd64");
  CHECK(platform("linux/aarch64").architecture == "arm64");
  CHECK(platform("armhf").to_string() == "linux/arm/v7");
  CHECK(platform("i686").architecture == "386");
}

TEST_CASE("malformed platforms are refused") {
  for (const std::string text : {"", "/", "linux/", "a/b/c/d", "linux/am d64", "linux/\x1b"}) {
    INFO(text);
    CHECK_FALSE(parse_platform(text));
  }
}

TEST_CASE("an exact variant beats an older one, a newer one never matches") {
  const auto v7 = platform("linux/arm/v7");
  CHECK(match_score(v7, platform("linux/arm/v7")) > match_score(v7, platform("linux/arm/v6")));
  CHECK(match_score(v7, platform("linux/arm/v6")) > match_score(v7, platform("linux/arm/v5")));
  CHECK(match_score(platform("linux/arm/v6"), v7) == 0);
  CHECK(match_score(platform("linux/amd64"), platform("linux/amd64/v3")) == 0);
  CHECK(match_score(platform("linux/amd64/v3"), platform("linux/amd64")) > 0);
}

TEST_CASE("a missing variant means the baseline of the architecture") {
  CHECK(match_score(platform("linux/arm64"), platform("linux/arm64/v8")) == 100);
  CHECK(match_score(platform("linux/arm64/v8"), platform("linux/arm64")) == 100);
  CHECK(match_score(platform("linux/amd64"), Platform{.os = "linux", .architecture = "x86_64", .variant = ""}) == 100);
}

TEST_CASE("another system or architecture never matches") {
  CHECK(match_score(platform("linux/amd64"), platform("windows/amd64")) == 0);
  CHECK(match_score(platform("linux/amd64"), platform("linux/arm64")) == 0);
  CHECK(match_score(platform("linux/amd64"), Platform{.os = "linux", .architecture = "", .variant = ""}) == 0);
}

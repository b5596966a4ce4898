#include <string>
#include <vector>

#include "base/oci/reference.h"
#include "tests/catch.h"

using ctr::oci::parse_reference;

namespace {

const std::string k_digest = "sha256:" + std::string(64, 'a');

std::string parsed(const std::string& text) {
  const auto reference = parse_reference(text);
  return reference ? reference->to_string() : "error: " + reference.error().message();
}

}  // namespace

TEST_CASE("a short name has no domain and no tag of its own") {
  const auto reference = parse_reference("alpine");
  REQUIRE(reference);
  CHECK(reference->is_short());
  CHECK(reference->path == "alpine");
  CHECK_FALSE(reference->tag);
  CHECK(reference->with_default_tag().to_string() == "alpine:latest");
}

TEST_CASE("the first component is a domain when it has a dot, a colon or is localhost") {
  CHECK(parse_reference("quay.io/a/b")->domain == "quay.io");
  CHECK(parse_reference("localhost/a")->domain == "localhost");
  CHECK(parse_reference("host:5000/a")->domain == "host:5000");
  CHECK(parse_reference("[::1]:5000/a")->domain == "[::1]:5000");
  CHECK(parse_reference("library/alpine")->domain.empty());
  CHECK(parse_reference("localhost:5000")->tag == "5000");
}

TEST_CASE("tags and digests are both kept") {
  const auto reference = parse_reference("docker://quay.io/a/b:1.2@" + k_digest);
  REQUIRE(reference);
  CHECK(reference->tag == "1.2");
  CHECK(reference->digest->to_string() == k_digest);
  CHECK(reference->to_string() == "quay.io/a/b:1.2@" + k_digest);
  CHECK(reference->with_default_tag() == *reference);
}

TEST_CASE("docker hub names are normalised") {
  CHECK(parsed("docker.io/alpine") == "docker.io/library/alpine");
  CHECK(parsed("index.docker.io/alpine:3") == "docker.io/library/alpine:3");
  CHECK(parsed("docker.io/grafana/grafana") == "docker.io/grafana/grafana");
}

TEST_CASE("malformed references are refused with the part that is wrong") {
  CHECK_THAT(parsed("Alpine"), Catch::Matchers::ContainsSubstring("repository name must be lowercase"));
  CHECK_THAT(parsed("a:b:c"), Catch::Matchers::ContainsSubstring("'a:b' is not a valid repository name"));
  CHECK_THAT(parsed("a:"), Catch::Matchers::ContainsSubstring("'' is not a valid tag"));
  CHECK_THAT(parsed("a@sha256:12"), Catch::Matchers::ContainsSubstring("'sha256:12' is not a digest"));
  CHECK_THAT(parsed("a@" + k_digest + "@" + k_digest), Catch::Matchers::ContainsSubstring("is not a digest"));
  CHECK_THAT(parsed("-.io/a"), Catch::Matchers::ContainsSubstring("'-.io' is not a valid registry name"));
  CHECK_THAT(parsed("h:99999/a"), Catch::Matchers::ContainsSubstring("is not a valid registry name"));
  CHECK_THAT(parsed(std::string(64, 'a')), Catch::Matchers::ContainsSubstring("it is an image id"));
  CHECK_THAT(parsed("a/" + std::string(255, 'b')), Catch::Matchers::ContainsSubstring("longer than 255"));
  CHECK_THAT(parsed("a:" + std::string(129, 'b')), Catch::Matchers::ContainsSubstring("is not a valid tag"));
  for (const std::string text : {"", "/", "a/", "/a", "a//b", "a/../b", "a b", "a\nb", "oci:/tmp/x", "a_-b", "a..b",
                                 "a___b", "https://quay.io/a", "quay.io/", ":1", "@x"}) {
    INFO(text);
    CHECK_FALSE(parse_reference(text));
  }
}

TEST_CASE("separators inside path components follow the grammar") {
  for (const std::string path : {"a", "a.b", "a_b", "a__b", "a-b", "a---b", "0/1", "a/b/c/d"}) {
    INFO(path);
    CHECK(ctr::oci::is_valid_repository_path(path));
  }
  for (const std::string path : {"", "a.", ".a", "a._b", "A", "a/", "_a", "a-"}) {
    INFO(path);
    CHECK_FALSE(ctr::oci::is_valid_repository_path(path));
  }
}

TEST_CASE("text in messages cannot move the cursor of a terminal") {
  const auto reference = parse_reference("a\x1b[2J");
  REQUIRE_FALSE(reference);
  CHECK(reference.error().message().find('\x1b') == std::string::npos);
}

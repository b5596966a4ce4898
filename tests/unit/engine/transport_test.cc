#include "engine/transport.h"

#include "tests/catch.h"

namespace ctr::engine {

namespace {

std::string refusal(std::string_view text) {
  const auto location = parse_location(text);
  return location ? "accepted" : location.error().text();
}

}  // namespace

TEST_CASE("a name without a transport is for a registry") {
  for (const std::string text : {"alpine", "quay.io/a/b:1", "docker:24", "oci", "example.com:5000/dir"}) {
    const auto location = parse_location(text);
    REQUIRE(location);
    CHECK(location->transport == Transport::registry);
    CHECK(location->reference == text);
    CHECK_FALSE(is_local(text));
  }
  CHECK(parse_location("docker://alpine:3")->reference == "alpine:3");
}

TEST_CASE("files are named with a path, and an image in them") {
  const auto archive = parse_location("docker-archive:/tmp/x.tar:busybox:1");
  REQUIRE(archive);
  CHECK(archive->transport == Transport::docker_archive);
  CHECK(archive->path == "/tmp/x.tar");
  CHECK(archive->name == "busybox:1");
  CHECK(parse_location("docker-archive:x.tar:@2")->index == 2);
  CHECK(parse_location("oci:dir")->path == "dir");
  CHECK(parse_location("oci:dir:docker.io/library/a:1")->name == "docker.io/library/a:1");
  CHECK(parse_location("oci-archive:x:y")->transport == Transport::oci_archive);
  // A directory may have colons in its name.
  CHECK(parse_location("dir:/a:b")->path == "/a:b");
  CHECK(is_local("dir:/a"));
}

TEST_CASE("what cannot be read is refused by name") {
  CHECK(refusal("oci:") == "'oci:': 'oci:' needs a path");
  CHECK(refusal("docker-archive:x:@y") == "'y' is not a valid number for the index of an image in an archive");
  CHECK(refusal("containers-storage:busybox") ==
        "'containers-storage:busybox': the transport 'containers-storage' is not supported");
  CHECK(refusal("docker-daemon:busybox:1") ==
        "'docker-daemon:busybox:1': the transport 'docker-daemon' is not supported");
}

}  // namespace ctr::engine

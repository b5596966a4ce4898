// What a reference leads to, and which documents of a registry are refused.
#include <string>

#include "tests/catch.h"
#include "tests/registry/fault_server.h"

using namespace ctr;        // NOLINT(google-build-using-namespace): a test
using namespace ctr::test;  // NOLINT(google-build-using-namespace): a test

namespace {

const std::string k_manifest = "application/vnd.oci.image.manifest.v1+json";
const std::string k_index = "application/vnd.oci.image.index.v1+json";
const std::string k_any_digest = "sha256:" + std::string(64, 'a');

struct OneRegistry {
  FaultServer server;
  TestClient client;

  Result<registry::ResolvedImage> resolve(const std::string& rest, const std::string& platform = "linux/amd64") {
    const auto wanted = reference(server.host() + "/" + rest);
    return client->resolve({insecure(server.host(), wanted.path)}, wanted.with_default_tag(),
                           *oci::parse_platform(platform));
  }
  std::string error_of(const std::string& rest) {
    const auto image = resolve(rest);
    REQUIRE_FALSE(image);
    return image.error().text();
  }
  std::string add_index(const std::string& tag, const std::string& entries) {
    return server.add_manifest("a/b", tag, k_index, R"({"schemaVersion":2,"manifests":[)" + entries + "]}");
  }
  static std::string entry(const std::string& type, const std::string& digest, size_t size,
                           const std::string& more = "") {
    return R"({"mediaType":")" + type + R"(","digest":")" + digest + R"(","size":)" + std::to_string(size) + more + "}";
  }
};

}  // namespace

TEST_CASE("a tag leads to a manifest and its layers") {
  OneRegistry test;
  const auto layer = test.server.add_blob("layer");
  const auto digest = test.server.add_image("a/b", "1", {layer});
  const auto image = test.resolve("a/b:1");
  REQUIRE(image);
  CHECK(image->top().descriptor.digest.to_string() == digest);
  CHECK(image->manifest().layers.at(0) == layer);
  CHECK(test.resolve("a/b:1@" + digest));
  CHECK(test.resolve("a/b@" + digest));
}

TEST_CASE("an unknown manifest is named as podman names it") {
  OneRegistry test;
  const std::string host = test.server.host();
  CHECK(test.error_of("a/b:9") ==
        "initializing source docker://" + host + "/a/b:9: reading manifest 9 in " + host + "/a/b: manifest unknown");
}

TEST_CASE("an index leads to the manifest of the platform") {
  OneRegistry test;
  const auto layer = test.server.add_blob("arm layer");
  const auto digest = test.server.add_image("a/b", "arm", {layer});
  const auto size = test.resolve("a/b:arm")->top().bytes.size();
  test.add_index("latest",
                 OneRegistry::entry(k_manifest, digest, size, R"(,"platform":{"os":"linux","architecture":"arm64"})"));
  const auto image = test.resolve("a/b", "linux/arm64");
  REQUIRE(image);
  CHECK(image->chain.size() == 2);
  CHECK(image->manifest().layers.at(0) == layer);
  CHECK_THAT(test.error_of("a/b"),
             Catch::Matchers::ContainsSubstring("no image found in the index for platform linux/amd64"));
}

TEST_CASE("the size an index states is compared first") {
  OneRegistry test;
  const auto digest = test.server.add_image("a/b", "x", {});
  test.add_index("latest", OneRegistry::entry(k_manifest, digest, 5));
  CHECK_THAT(test.error_of("a/b"), Catch::Matchers::ContainsSubstring("but the index says 5"));
}

TEST_CASE("the type an index states must be the document's") {
  OneRegistry test;
  const auto digest = test.server.add_image("a/b", "x", {});
  const auto size = test.resolve("a/b:x")->top().bytes.size();
  test.add_index("latest", OneRegistry::entry("application/vnd.docker.distribution.manifest.v2+json", digest, size));
  CHECK_THAT(test.error_of("a/b"), Catch::Matchers::ContainsSubstring("but the index says"));
}

TEST_CASE("indexes nested too deeply are refused") {
  OneRegistry test;
  auto digest = test.server.add_image("a/b", "x", {});
  auto size = test.resolve("a/b:x")->top().bytes.size();
  std::string type = k_manifest;
  for (int depth = 1; depth <= 3; ++depth) {
    const std::string entries = OneRegistry::entry(type, digest, size);
    digest = test.add_index("depth" + std::to_string(depth), entries);
    size = std::string(R"({"schemaVersion":2,"manifests":[]})").size() + entries.size();
    type = k_index;
  }
  CHECK(test.resolve("a/b:depth1"));
  CHECK(test.resolve("a/b:depth2"));
  CHECK_THAT(test.error_of("a/b:depth3"), Catch::Matchers::ContainsSubstring("more than 2 indexes"));
}

TEST_CASE("an index that names itself is refused") {
  OneRegistry test;
  // A registry that answers every digest with the same index.
  const std::string body =
      R"({"schemaVersion":2,"manifests":[)" + OneRegistry::entry(k_index, k_any_digest, 211) + "]}";
  test.server.add_rule("GET /v2/a/b/manifests/.*",
                       dump_json(Json::object()
                                     .set("status", 200)
                                     .set("body", body)
                                     .set("headers", Json::object().set("Content-Type", k_index))));
  const auto image = test.resolve("a/b");
  REQUIRE_FALSE(image);
  CHECK(image.error().code() == Errc::corrupt);
}

TEST_CASE("a manifest with another digest than asked for is refused") {
  OneRegistry test;
  const auto digest = test.server.add_image("a/b", "x", {});
  test.server.add_rule("GET /v2/a/b/manifests/sha256.*", R"({"corrupt": true})");
  const auto image = test.resolve("a/b@" + digest);
  REQUIRE_FALSE(image);
  CHECK(image.error().code() == Errc::corrupt);
}

TEST_CASE("Docker-Content-Digest must be true") {
  OneRegistry test;
  test.server.add_image("a/b", "latest", {});
  test.server.add_rule("GET /v2/a/b/manifests/.*",
                       R"({"headers": {"Docker-Content-Digest": ")" + k_any_digest + "\"}}");
  CHECK_THAT(test.error_of("a/b"), Catch::Matchers::ContainsSubstring("Docker-Content-Digest"));
}

TEST_CASE("manifests over 4 MiB are refused while they are read") {
  OneRegistry test;
  test.server.add_image("a/b", "latest", {});
  test.server.add_rule("GET /v2/a/b/manifests/.*", R"({"extra": 300000000})");
  const auto image = test.resolve("a/b");
  REQUIRE_FALSE(image);
  CHECK(image.error().code() == Errc::corrupt);
  CHECK_THAT(image.error().text(), Catch::Matchers::ContainsSubstring("limit of 4 MiB"));
}

TEST_CASE("endless headers are refused") {
  OneRegistry test;
  test.server.add_image("a/b", "latest", {});
  test.server.add_rule("GET /v2/a/b/manifests/.*", R"({"flood": 80000})");
  CHECK_THAT(test.error_of("a/b"), Catch::Matchers::ContainsSubstring("64 KiB"));
}

TEST_CASE("schema 1, foreign layers and artifacts are refused by name") {
  OneRegistry test;
  test.server.add_manifest("a/b", "v1", "application/vnd.docker.distribution.manifest.v1+prettyjws",
                           R"({"schemaVersion":1,"fsLayers":[]})");
  CHECK_THAT(test.error_of("a/b:v1"), Catch::Matchers::ContainsSubstring("schema 1"));
  auto layer = test.server.add_blob("x");
  layer.media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
  test.server.add_image("a/b", "foreign", {layer});
  CHECK_THAT(test.error_of("a/b:foreign"), Catch::Matchers::ContainsSubstring("foreign media type"));
}

TEST_CASE("a registry's words cannot move the cursor of a terminal") {
  OneRegistry test;
  test.server.add_rule("GET /v2/a/b/manifests/.*",
                       R"({"status": 404, "body": "{\"errors\":[{\"code\":\"X\",\"message\":\"\\u001b[2Jgone\"}]}"})");
  const auto text = test.error_of("a/b");
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK_THAT(text, Catch::Matchers::ContainsSubstring("gone"));
}

TEST_CASE("a mirror that fails is followed by the registry itself") {
  OneRegistry test;
  test.server.add_image("a/b", "latest", {});
  test.server.add_rule("GET /v2/mirror/.*", R"({"status": 403})");
  auto mirror = insecure(test.server.host(), "mirror/a/b");
  mirror.is_mirror = true;
  const auto wanted = reference(test.server.host() + "/a/b:latest");
  const auto image =
      test.client->resolve({mirror, insecure(test.server.host(), "a/b")}, wanted, *oci::parse_platform("linux/amd64"));
  REQUIRE(image);
  CHECK(image->endpoint.repository == "a/b");
}

TEST_CASE("a small blob comes as text and is bounded") {
  OneRegistry test;
  const auto config = test.server.add_blob(R"({"a":1})");
  CHECK(*test.client->fetch_small_blob(insecure(test.server.host(), "a/b"), config) == R"({"a":1})");
  auto huge = config;
  huge.size_bytes = 5 << 20;
  CHECK_FALSE(test.client->fetch_small_blob(insecure(test.server.host(), "a/b"), huge));
}

TEST_CASE("tags are listed over all pages of the same host") {
  OneRegistry test;
  test.server.add_image("a/b", "one", {});
  CHECK(*test.client->list_tags(insecure(test.server.host(), "a/b")) == std::vector<std::string>{"one"});
  test.server.add_rule(
      R"(GET /v2/a/b/tags/list\?n=1000)",
      R"({"status": 200, "body": "{\"tags\":[\"zero\"]}", "headers": {"Link": "</v2/a/b/tags/list?last=x>; rel=\"next\""}})");
  CHECK(*test.client->list_tags(insecure(test.server.host(), "a/b")) == std::vector<std::string>{"zero", "one"});
}

TEST_CASE("a registry that cannot be reached is named at once, without retries") {
  TestClient client;
  const auto image = client->resolve({secure("127.0.0.1:1", "a")}, reference("127.0.0.1:1/a:latest"),
                                     *oci::parse_platform("linux/amd64"));
  REQUIRE_FALSE(image);
  CHECK(image.error().code() == Errc::network);
  CHECK_THAT(image.error().text(), Catch::Matchers::ContainsSubstring("pinging container registry 127.0.0.1:1"));
}

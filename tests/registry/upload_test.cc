// How images go out to a registry.
#include <string>

#include "tests/catch.h"
#include "tests/registry/fault_server.h"

using namespace ctr;        // NOLINT(google-build-using-namespace): a test
using namespace ctr::test;  // NOLINT(google-build-using-namespace): a test

namespace {

const std::string k_manifest = "application/vnd.oci.image.manifest.v1+json";

oci::Descriptor describe(const std::string& text) {
  return {.media_type = "application/vnd.oci.image.layer.v1.tar",
          .digest = digest_of(text),
          .size_bytes = text.size(),
          .platform = {},
          .annotations = {}};
}

struct OnePush {
  FaultServer server;
  TestClient client;
  MemorySource source{std::string(500'000, 'p')};
  registry::Endpoint endpoint = insecure(server.host(), "a/b");

  Result<void> push(const std::string& mount_from = "") {
    return client->push_blobs(endpoint,
                              {{.descriptor = describe(source.bytes), .source = &source, .mount_from = mount_from}});
  }
  bool has_blob() {
    const auto stored = server.command(Json::object().set("cmd", "stored"));
    const std::string digest = describe(source.bytes).digest.to_string();
    for (const auto& blob : stored.find("blobs")->as_array()) {
      if (blob.as_string() == digest) return true;
    }
    return false;
  }
};

}  // namespace

TEST_CASE("a blob is uploaded once and not again") {
  OnePush test;
  REQUIRE(test.push());
  CHECK(test.has_blob());
  CHECK(test.server.log("PUT ").size() == 1);
  REQUIRE(test.push());
  CHECK(test.server.log("PUT ").size() == 1);
}

TEST_CASE("a blob of another repository is mounted instead of sent") {
  OnePush test;
  test.server.add_blob(test.source.bytes);
  test.server.add_rule("HEAD /v2/a/b/blobs/.*", R"({"status": 404})");
  REQUIRE(test.push("c/d"));
  CHECK(test.server.log("mount=").size() == 1);
  CHECK(test.server.log("PUT ").empty());
}

TEST_CASE("an upload that breaks off begins again") {
  OnePush test;
  test.server.add_rule("PUT /v2/a/b/blobs/uploads/.*", R"({"status": 503})", 2);
  REQUIRE(test.push());
  CHECK(test.has_blob());
  CHECK(test.server.log("PUT ").size() == 3);
}

TEST_CASE("an upload that always fails ends with its reason") {
  OnePush test;
  test.server.add_rule("PUT /v2/a/b/blobs/uploads/.*", R"({"status": 503})");
  const auto pushed = test.push();
  REQUIRE_FALSE(pushed);
  CHECK(pushed.error().code() == Errc::network);
  CHECK_THAT(pushed.error().text(), Catch::Matchers::ContainsSubstring("writing blob sha256:"));
}

TEST_CASE("an upload location on another host gets no credentials") {
  OnePush test;
  registry::ClientOptions options;
  options.credentials = registry::Credentials{.username = "user", .password = "s3cret", .identity_token = {}};
  TestClient client(options);
  test.server.demand_basic("main", "user", "s3cret");
  test.server.add_rule(
      "POST .*",
      R"({"status": 202, "headers": {"Location": ")" + test.server.url("other") + R"(/v2/a/b/blobs/uploads/x"}})", -1,
      "other");
  test.server.add_rule("HEAD .*", R"({"status": 404})", -1, "main");
  test.server.add_rule(
      "POST .*",
      R"({"status": 202, "headers": {"Location": ")" + test.server.url("other") + R"(/v2/a/b/blobs/uploads/x"}})", -1,
      "main");
  CHECK_FALSE(client->push_blobs(test.endpoint, {{.descriptor = describe(test.source.bytes), .source = &test.source}}));
  for (auto& request : test.server.log()) {
    if (request.server == "other") CHECK(request.headers.count("authorization") == 0);
  }
}

TEST_CASE("a manifest is written under its tag with its type") {
  OnePush test;
  const std::string body = R"({"schemaVersion":2})";
  REQUIRE(test.client->push_manifest(test.endpoint, "latest", k_manifest, body));
  CHECK(test.server.log("PUT /v2/a/b/manifests/latest").at(0).headers["content-type"] == k_manifest);
}

TEST_CASE("a registry that reports another digest for a manifest is not believed") {
  OnePush test;
  test.server.add_rule("PUT /v2/a/b/manifests/.*", R"({"status": 201, "headers": {"Docker-Content-Digest": "sha256:)" +
                                                       std::string(64, 'a') + "\"}}");
  const auto pushed = test.client->push_manifest(test.endpoint, "latest", k_manifest, "{}");
  REQUIRE_FALSE(pushed);
  CHECK(pushed.error().code() == Errc::corrupt);
}

TEST_CASE("pushing asks for a token that may push") {
  OnePush test;
  test.server.demand_bearer("main", test.server.url("main") + "/token");
  REQUIRE(test.push("c/d"));
  CHECK_THAT(
      test.server.log("/token").at(0).line,
      Catch::Matchers::ContainsSubstring("scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository%3Ac%2Fd%3Apull"));
}

TEST_CASE("an endless answer to an upload is cut off") {
  OnePush test;
  test.server.add_rule("POST .*", R"({"status": 202, "headers": {"Location": "/x"}, "extra": 300000000})");
  const auto pushed = test.push();
  REQUIRE_FALSE(pushed);
  CHECK(pushed.error().code() == Errc::corrupt);
}

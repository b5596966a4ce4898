// The client against Debian's docker-registry with TLS and basic authentication; see with-registry.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/file.h"
#include "tests/catch.h"
#include "tests/registry/fault_server.h"

using namespace ctr;        // NOLINT(google-build-using-namespace): a test
using namespace ctr::test;  // NOLINT(google-build-using-namespace): a test
using registry::ClientOptions;
using registry::Credentials;

namespace {

const std::string k_manifest = "application/vnd.oci.image.manifest.v1+json";

oci::Descriptor describe(const std::string& text, const std::string& media_type) {
  return {.media_type = media_type,
          .digest = digest_of(text),
          .size_bytes = text.size(),
          .platform = {},
          .annotations = {}};
}

std::string text_of(char c, size_t size) {
  std::string text(size, c);
  for (size_t i = 0; i < size; i += 97) text[i] = static_cast<char>('0' + i % 10);
  return text;
}

struct DebianRegistry {
  std::string host = getenv("TEST_REGISTRY");
  std::string authority = getenv("TEST_REGISTRY_CA");
  Credentials right{.username = "tester", .password = "secret", .identity_token = {}};

  ClientOptions options() const {
    ClientOptions made;
    made.credentials = right;
    return made;
  }
  void trust(const TestClient& client) const {
    const std::string directory = client.home() + "/.config/containers/certs.d/" + host;
    REQUIRE(Dir::open_or_make(directory, 0700));
    REQUIRE(create_file(directory + "/ca.crt", *read_file(authority)));
  }
  // Pushes an image of one configuration and some layers.
  oci::Manifest push(TestClient& client, const std::string& repository, const std::string& tag,
                     const std::vector<std::string>& layers, const std::string& mount_from = "") const {
    MemorySource config_source("{}");
    std::vector<MemorySource> sources;
    oci::Manifest manifest{.media_type = k_manifest,
                           .config = describe("{}", "application/vnd.oci.image.config.v1+json"),
                           .layers = {},
                           .annotations = {}};
    for (const auto& layer : layers) {
      sources.emplace_back(layer);
      manifest.layers.push_back(describe(layer, "application/vnd.oci.image.layer.v1.tar"));
    }
    std::vector<registry::BlobUpload> uploads{{.descriptor = manifest.config, .source = &config_source}};
    for (size_t i = 0; i < layers.size(); ++i) {
      uploads.push_back({.descriptor = manifest.layers[i], .source = &sources[i], .mount_from = mount_from});
    }
    const auto endpoint = secure(host, repository);
    const auto pushed = client->push_blobs(endpoint, uploads);
    INFO((pushed ? "" : pushed.error().text()));
    REQUIRE(pushed);
    REQUIRE(client->push_manifest(endpoint, tag, k_manifest, dump_json(to_json(manifest))));
    return manifest;
  }
};

}  // namespace

TEST_CASE("what was pushed comes back byte for byte") {
  DebianRegistry debian;
  TestClient client(debian.options());
  debian.trust(client);
  const std::vector<std::string> layers{text_of('a', 3'000'000), text_of('b', 10), text_of('c', 70'000)};
  const auto manifest = debian.push(client, "round/trip", "1", layers);

  const auto image = client->resolve({secure(debian.host, "round/trip")}, reference(debian.host + "/round/trip:1"),
                                     *oci::parse_platform("linux/amd64"));
  REQUIRE(image);
  CHECK(image->manifest() == manifest);
  std::vector<MemorySink> sinks;
  for (const auto& layer : manifest.layers) sinks.emplace_back(layer);
  std::vector<registry::BlobDownload> downloads;
  for (size_t i = 0; i < sinks.size(); ++i) downloads.push_back({.descriptor = manifest.layers[i], .sink = &sinks[i]});
  sinks[0].bytes = layers[0].substr(0, 2'000'000);
  REQUIRE(client->fetch_blobs(image->endpoint, downloads));
  for (size_t i = 0; i < sinks.size(); ++i) {
    CHECK(sinks[i].bytes == layers[i]);
    CHECK(sinks[i].commits == 1);
    CHECK(sinks[i].restarts == 0);
  }
  CHECK(*client->fetch_small_blob(image->endpoint, manifest.config) == "{}");
}

TEST_CASE("a second push of the same layers sends nothing, and another repository mounts them") {
  DebianRegistry debian;
  TestClient client(debian.options());
  debian.trust(client);
  const std::vector<std::string> layers{text_of('m', 200'000)};
  debian.push(client, "mount/source", "1", layers);
  debian.push(client, "mount/source", "2", layers);
  debian.push(client, "mount/target", "1", layers, "mount/source");
  auto tags = *client->list_tags(secure(debian.host, "mount/source"));
  std::sort(tags.begin(), tags.end());
  CHECK(tags == std::vector<std::string>{"1", "2"});
}

TEST_CASE("an unknown tag of a known repository is manifest unknown") {
  DebianRegistry debian;
  TestClient client(debian.options());
  debian.trust(client);
  debian.push(client, "a/b", "1", {});
  const auto image = client->resolve({secure(debian.host, "a/b")}, reference(debian.host + "/a/b:9"),
                                     *oci::parse_platform("linux/amd64"));
  REQUIRE_FALSE(image);
  CHECK(image.error().code() == Errc::not_found);
  CHECK(image.error().text() == "initializing source docker://" + debian.host + "/a/b:9: reading manifest 9 in " +
                                    debian.host + "/a/b: manifest unknown");
}

TEST_CASE("right and wrong passwords are told apart") {
  DebianRegistry debian;
  TestClient client;
  debian.trust(client);
  CHECK(client->check_login(secure(debian.host, ""), debian.right));
  const auto refused =
      client->check_login(secure(debian.host, ""), {.username = "tester", .password = "guess", .identity_token = {}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::unauthorized);
}

TEST_CASE("without credentials the refusal says how to log in") {
  DebianRegistry debian;
  TestClient client;
  debian.trust(client);
  const auto image = client->resolve({secure(debian.host, "a/b")}, reference(debian.host + "/a/b:1"),
                                     *oci::parse_platform("linux/amd64"));
  REQUIRE_FALSE(image);
  CHECK(image.error().code() == Errc::unauthorized);
  CHECK(image.error().hint() == "log in with: ctr login " + debian.host);
}

TEST_CASE("an authority of --cert-dir is trusted, an unknown one never") {
  DebianRegistry debian;
  auto options = debian.options();
  TestClient stranger(options);
  CHECK(stranger->list_tags(secure(debian.host, "a/b")).error().code() == Errc::network);
  const TemporaryHome directory;
  directory.write("ca.crt", *read_file(debian.authority));
  options.cert_dir = directory.path();
  TestClient client(options);
  CHECK(client->check_login(secure(debian.host, ""), debian.right));
}

TEST_CASE("a stored login serves a pull") {
  DebianRegistry debian;
  TestClient client({}, R"({"auths":{")" + debian.host + R"(":{"auth":")" + base64("tester:secret") + R"("}}})");
  debian.trust(client);
  debian.push(client, "stored/login", "1", {});
  CHECK(client->list_tags(secure(debian.host, "stored/login")));
}

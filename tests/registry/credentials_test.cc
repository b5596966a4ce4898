// Credentials, redirects and TLS: nothing secret reaches anybody but the registry it belongs to.
#include <string>

#include "base/file.h"
#include "tests/catch.h"
#include "tests/registry/fault_server.h"

using namespace ctr;        // NOLINT(google-build-using-namespace): a test
using namespace ctr::test;  // NOLINT(google-build-using-namespace): a test
using registry::ClientOptions;
using registry::Credentials;

namespace {

const std::string k_manifests = "GET /v2/a/b/manifests/.*";
const std::string k_blobs = "GET /v2/a/b/blobs/.*";

ClientOptions with_credentials() {
  ClientOptions options;
  options.credentials = Credentials{.username = "user", .password = "s3cret", .identity_token = {}};
  return options;
}

struct OneRegistry {
  FaultServer server;
  OneRegistry() { server.add_image("a/b", "latest", {server.add_blob("layer")}); }

  Result<registry::ResolvedImage> resolve(TestClient& client, const registry::Endpoint& endpoint) {
    return client->resolve({endpoint}, reference(endpoint.host + "/a/b:latest"), *oci::parse_platform("linux/amd64"));
  }
  Result<void> fetch(TestClient& client, const registry::Endpoint& endpoint) {
    const auto blob = server.add_blob("layer");
    MemorySink sink(blob);
    return client->fetch_blobs(endpoint, {{.descriptor = blob, .sink = &sink}});
  }
  // No request to `name` carries credentials.
  void check_clean(const std::string& name) {
    for (auto& request : server.log()) {
      if (request.server == name) CHECK(request.headers.count("authorization") == 0);
    }
  }
};

}  // namespace

TEST_CASE("basic credentials are sent only after they are asked for") {
  OneRegistry test;
  test.server.demand_basic("main", "user", "s3cret");
  TestClient client(with_credentials());
  REQUIRE(test.resolve(client, insecure(test.server.host(), "a/b")));
  auto requests = test.server.log("manifests");
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].headers.count("authorization") == 0);
  CHECK(requests[1].headers["authorization"] == "Basic " + base64("user:s3cret"));
}

TEST_CASE("stored credentials of the longest matching key are used") {
  OneRegistry test;
  test.server.demand_basic("main", "user", "s3cret");
  const std::string host = test.server.host();
  TestClient client({}, R"({"auths":{")" + host + R"(":{"auth":")" + base64("other:wrong") + R"("},")" + host +
                            R"(/a":{"auth":")" + base64("user:s3cret") + R"("}}})");
  CHECK(test.resolve(client, insecure(host, "a/b")));
}

TEST_CASE("wrong or missing credentials are a clear refusal") {
  OneRegistry test;
  test.server.demand_basic("main", "user", "other");
  TestClient client(with_credentials());
  const auto wrong = test.resolve(client, insecure(test.server.host(), "a/b"));
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code() == Errc::unauthorized);
  CHECK_THAT(wrong.error().hint(), Catch::Matchers::ContainsSubstring("ctr login " + test.server.host()));
  CHECK(wrong.error().text().find("s3cret") == std::string::npos);
  TestClient anonymous;
  CHECK(test.resolve(anonymous, insecure(test.server.host(), "a/b")).error().code() == Errc::unauthorized);
}

TEST_CASE("a token is fetched once and used for the blobs too") {
  OneRegistry test;
  test.server.demand_bearer("main", test.server.url("main") + "/token",
                            R"({"user":"user","password":"s3cret","private":true})");
  TestClient client(with_credentials());
  REQUIRE(test.resolve(client, insecure(test.server.host(), "a/b")));
  REQUIRE(test.fetch(client, insecure(test.server.host(), "a/b")));
  auto tokens = test.server.log("/token");
  REQUIRE(tokens.size() == 1);
  CHECK(tokens[0].line == "GET /token?service=fault&scope=repository%3Aa%2Fb%3Apull&account=user");
  CHECK(test.server.log("/blobs/").at(0).headers["authorization"] == "Bearer token-0");
}

TEST_CASE("a token that does not suffice is not asked for again") {
  OneRegistry test;
  test.server.demand_bearer("main", test.server.url("main") + "/token");
  test.server.add_rule(k_manifests, R"({"status": 401, "headers": {"WWW-Authenticate": "Bearer realm=\")" +
                                        test.server.url("main") + R"(/token\",service=\"fault\""}})");
  TestClient client;
  CHECK(test.resolve(client, insecure(test.server.host(), "a/b")).error().code() == Errc::unauthorized);
  CHECK(test.server.log("/token").size() == 1);
  CHECK(test.server.log("/manifests/").size() == 2);
}

TEST_CASE("an anonymous token needs no credentials") {
  OneRegistry test;
  test.server.demand_bearer("main", test.server.url("main") + "/token");
  TestClient client;
  CHECK(test.resolve(client, insecure(test.server.host(), "a/b")));
}

TEST_CASE("an identity token is exchanged in the body of a POST") {
  OneRegistry test;
  test.server.demand_bearer("main", test.server.url("main") + "/token", R"({"identity_token":"refresh-me"})");
  ClientOptions options;
  options.credentials = Credentials{.username = {}, .password = {}, .identity_token = "refresh-me"};
  TestClient client(options);
  REQUIRE(test.resolve(client, insecure(test.server.host(), "a/b")));
  CHECK(test.server.log("/token").at(0).line == "POST /token");
}

TEST_CASE("a token that expires on the way is replaced") {
  OneRegistry test;
  test.server.demand_bearer("main", test.server.url("main") + "/token");
  TestClient client;
  REQUIRE(test.resolve(client, insecure(test.server.host(), "a/b")));
  test.server.add_rule(k_blobs,
                       R"({"status": 401, "headers": {"WWW-Authenticate": "Bearer realm=\")" + test.server.url("main") +
                           R"(/token\",service=\"fault\""}})",
                       1);
  CHECK(test.fetch(client, insecure(test.server.host(), "a/b")));
  CHECK(test.server.log("/token").size() == 2);
}

TEST_CASE("a redirect to another port does not get the credentials") {
  OneRegistry test;
  test.server.demand_basic("main", "user", "s3cret");
  test.server.add_rule(k_blobs, R"({"redirect_to": "other"})", -1, "main");
  TestClient client(with_credentials());
  REQUIRE(test.resolve(client, insecure(test.server.host(), "a/b")));
  REQUIRE(test.fetch(client, insecure(test.server.host(), "a/b")));
  CHECK_FALSE(test.server.log("/blobs/").empty());
  test.check_clean("other");
}

TEST_CASE("a redirect target that asks for credentials is refused") {
  OneRegistry test;
  test.server.add_rule(k_blobs, R"({"redirect_to": "other"})", -1, "main");
  test.server.demand_basic("other", "user", "s3cret");
  TestClient client(with_credentials());
  const auto fetched = test.fetch(client, insecure(test.server.host(), "a/b"));
  REQUIRE_FALSE(fetched);
  CHECK(fetched.error().code() == Errc::unauthorized);
  CHECK_THAT(fetched.error().text(), Catch::Matchers::ContainsSubstring("redirect target"));
  test.check_clean("other");
}

TEST_CASE("credentials do not come back after a detour over another host") {
  OneRegistry test;
  test.server.demand_basic("main", "user", "s3cret");
  TestClient client(with_credentials());
  REQUIRE(test.resolve(client, insecure(test.server.host(), "a/b")));
  test.server.add_rule(k_blobs, R"({"redirect_to": "other"})", 1, "main");
  test.server.add_rule(k_blobs, R"({"redirect_to": "main"})", -1, "other");
  CHECK(test.fetch(client, insecure(test.server.host(), "a/b")).error().code() == Errc::unauthorized);
  CHECK(test.server.log("/blobs/").back().headers.count("authorization") == 0);
}

TEST_CASE("redirects that never end are refused") {
  OneRegistry test;
  test.server.add_rule(k_blobs, R"({"redirect_to": "main"})");
  TestClient client;
  const auto fetched = test.fetch(client, insecure(test.server.host(), "a/b"));
  REQUIRE_FALSE(fetched);
  CHECK_THAT(fetched.error().text(), Catch::Matchers::ContainsSubstring("more than 10 redirects"));
  CHECK(test.server.log("/blobs/").size() == 11);
}

TEST_CASE("redirects to other kinds of URLs are refused") {
  const std::string location = GENERATE(as<std::string>(), "file:///etc/passwd", "ftp://127.0.0.1/x",
                                        "http://user:pw@127.0.0.1/x", "gopher://x", "");
  OneRegistry test;
  test.server.add_rule(k_blobs, R"({"status": 302, "headers": {"Location": ")" + location + "\"}}");
  TestClient client;
  const auto fetched = test.fetch(client, insecure(test.server.host(), "a/b"));
  REQUIRE_FALSE(fetched);
  CHECK(fetched.error().code() == Errc::network);
}

namespace {

// The authority of the tls servers is installed for both of them.
void trust(const FaultServer& server, const TestClient& client) {
  const auto authority = read_file(server.authority());
  REQUIRE(authority);
  for (const std::string name : {"tls", "tls_other"}) {
    const std::string directory = client.home() + "/.config/containers/certs.d/" + server.host(name);
    REQUIRE(Dir::open_or_make(directory, 0700));
    REQUIRE(create_file(directory + "/ca.crt", *authority));
  }
}

}  // namespace

TEST_CASE("an unknown certificate is refused and one of certs.d is trusted") {
  OneRegistry test;
  const auto endpoint = secure(test.server.host("tls"), "a/b");
  TestClient stranger;
  const auto refused = test.resolve(stranger, endpoint);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::network);
  CHECK_THAT(refused.error().text(), Catch::Matchers::ContainsSubstring("certificate"));
  TestClient client;
  trust(test.server, client);
  CHECK(test.resolve(client, endpoint));
}

TEST_CASE("tls-verify decides over registries.conf") {
  OneRegistry test;
  ClientOptions options;
  options.tls_verify = registry::TlsVerify::no;
  TestClient careless(options);
  CHECK(test.resolve(careless, secure(test.server.host("tls"), "a/b")));
  TestClient careless_http(options);
  CHECK(test.resolve(careless_http, secure(test.server.host(), "a/b")));
  options.tls_verify = registry::TlsVerify::yes;
  TestClient strict(options);
  CHECK_FALSE(test.resolve(strict, insecure(test.server.host(), "a/b")));
  CHECK_FALSE(test.resolve(strict, insecure(test.server.host("tls"), "a/b")));
}

TEST_CASE("loopback is spoken to by https unless something says otherwise") {
  OneRegistry test;
  TestClient client;
  CHECK_FALSE(test.resolve(client, secure(test.server.host(), "a/b")));
}

TEST_CASE("a redirect from https to http is refused") {
  OneRegistry test;
  TestClient client;
  trust(test.server, client);
  test.server.add_rule(k_blobs, R"({"redirect_to": "other"})", -1, "tls");
  const auto fetched = test.fetch(client, secure(test.server.host("tls"), "a/b"));
  REQUIRE_FALSE(fetched);
  CHECK_THAT(fetched.error().text(), Catch::Matchers::ContainsSubstring("from https to http"));
  for (auto& request : test.server.log()) CHECK(request.server == "tls");
}

TEST_CASE("an http realm of an https registry never sees the password") {
  OneRegistry test;
  TestClient client(with_credentials());
  trust(test.server, client);
  test.server.demand_bearer("tls", test.server.url("other") + "/token");
  const auto image = test.resolve(client, secure(test.server.host("tls"), "a/b"));
  REQUIRE_FALSE(image);
  CHECK(image.error().code() == Errc::unauthorized);
  CHECK_THAT(image.error().text(), Catch::Matchers::ContainsSubstring("is not https although the registry is"));
  CHECK(test.server.log("/token").empty());
}

TEST_CASE("an odd realm is refused") {
  const std::string realm = GENERATE(as<std::string>(), "file:///etc/passwd", "", "http://u:p@127.0.0.1/t", "\x1b[2J");
  OneRegistry test;
  TestClient client(with_credentials());
  test.server.demand_bearer("main", realm);
  const auto image = test.resolve(client, insecure(test.server.host(), "a/b"));
  REQUIRE_FALSE(image);
  CHECK(image.error().code() == Errc::unauthorized);
  CHECK(image.error().text().find('\x1b') == std::string::npos);
}

TEST_CASE("a token server's redirect to another host loses the credentials") {
  OneRegistry test;
  test.server.demand_bearer("main", test.server.url("main") + "/token", R"({"user":"user","password":"s3cret"})");
  test.server.add_rule("GET /token.*", R"({"redirect_to": "other"})", -1, "main");
  TestClient client(with_credentials());
  (void)test.resolve(client, insecure(test.server.host(), "a/b"));
  test.check_clean("other");
}

TEST_CASE("a token that would smuggle a header is refused") {
  OneRegistry test;
  test.server.demand_bearer("main", test.server.url("main") + "/token");
  test.server.add_rule("GET /token.*", R"({"status": 200, "body": "{\"token\":\"a\\r\\nX-Evil: 1\"}"})");
  TestClient client;
  CHECK(test.resolve(client, insecure(test.server.host(), "a/b")).error().code() == Errc::unauthorized);
}

TEST_CASE("an endless token answer is cut off") {
  OneRegistry test;
  test.server.demand_bearer("main", test.server.url("main") + "/token");
  test.server.add_rule("GET /token.*", R"({"status": 200, "body": "{}", "extra": 300000000})");
  TestClient client;
  CHECK_FALSE(test.resolve(client, insecure(test.server.host(), "a/b")));
}

TEST_CASE("an endless error answer is cut off and still is an error") {
  OneRegistry test;
  test.server.add_rule(k_manifests, R"({"status": 404, "body": "{}", "extra": 300000000})");
  TestClient client;
  CHECK(test.resolve(client, insecure(test.server.host(), "a/b")).error().code() == Errc::not_found);
}

TEST_CASE("credentials given by hand do not go to a mirror") {
  OneRegistry test;
  test.server.demand_basic("main", "user", "s3cret");
  TestClient client(with_credentials());
  auto mirror = insecure(test.server.host(), "a/b");
  mirror.is_mirror = true;
  CHECK_FALSE(test.resolve(client, mirror));
  test.check_clean("main");
}

TEST_CASE("the proxy of the environment is used, except for hosts it excludes") {
  OneRegistry test;
  setenv("http_proxy", test.server.url("other").c_str(), 1);
  setenv("no_proxy", "127.0.0.1", 1);
  TestClient client;
  test.server.add_rule("GET http://registry.invalid/.*", R"({"status": 404})");
  ClientOptions options;
  options.tls_verify = registry::TlsVerify::no;
  TestClient through_proxy(options);
  CHECK(test.resolve(through_proxy, insecure("registry.invalid", "a/b")).error().code() == Errc::not_found);
  CHECK(test.resolve(client, insecure(test.server.host(), "a/b")));
  unsetenv("http_proxy");
  unsetenv("no_proxy");
  CHECK(test.server.log("http://registry.invalid/v2/a/b/manifests/latest").size() == 1);
  CHECK(test.server.log("/v2/a/b/manifests/latest").back().server == "main");
}

TEST_CASE("a client certificate is shown to its registry and not to a redirect's target") {
  OneRegistry test;
  TestClient client;
  trust(test.server, client);
  const std::string directory = client.home() + "/.config/containers/certs.d/" + test.server.host("tls");
  const auto pair = read_file(test.server.authority());
  REQUIRE(create_file(directory + "/client.cert", *pair));
  REQUIRE(create_file(directory + "/client.key", *read_file(test.server.authority_key())));
  test.server.add_rule(k_blobs, R"({"redirect_to": "tls_other"})", -1, "tls");
  REQUIRE(test.fetch(client, secure(test.server.host("tls"), "a/b")));
  std::map<std::string, std::string> shown;
  for (auto& request : test.server.log("/blobs/")) shown[request.server] = request.headers[":client"];
  CHECK(shown["tls"] == "certificate");
  CHECK(shown["tls_other"].empty());
}

TEST_CASE("a login is checked with basic and with token servers") {
  FaultServer server;
  const Credentials right{.username = "user", .password = "s3cret", .identity_token = {}};
  const Credentials wrong{.username = "user", .password = "guess", .identity_token = {}};
  SECTION("basic") { server.demand_basic("main", "user", "s3cret"); }
  SECTION("bearer") {
    server.demand_bearer("main", server.url("main") + "/token",
                         R"({"user":"user","password":"s3cret","private":true})");
  }
  TestClient client;
  CHECK(client->check_login(insecure(server.host(), ""), right));
  const auto refused = client->check_login(insecure(server.host(), ""), wrong);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text() == "logging into \"" + server.host() + "\": invalid username/password");
}

#include "registry/auth.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/base64.h"
#include "registry/tokens.h"
#include "tests/catch.h"
#include "tests/unit/registry/home.h"

using namespace ctr::registry;  // NOLINT(google-build-using-namespace): a test
using ctr::Errc;
using ctr::test::TemporaryHome;

namespace {

std::string entry(const std::string& key, const std::string& pair) {
  return "\"" + key + R"(":{"auth":")" + ctr::base64_encode(pair) + "\"}";
}

struct Store {
  TemporaryHome home;
  AuthOptions options{
      .authfile = {}, .compat_authfile = {}, .environment = {}, .paths = home.paths(), .credential_helpers = {}};

  std::string user(const std::string& host, const std::string& repository = "") {
    const auto found = CredentialStore(options).find(host, repository);
    if (!found) return "error: " + found.error().text();
    return *found ? (*found)->username : "none";
  }
  // A helper program that keeps its one secret in a file and logs what it is asked.
  void install_helper(const std::string& name) {
    home.write("bin/docker-credential-" + name, R"(#!/bin/sh
dir=$(dirname "$0")
echo "$1 $#" >> "$dir/log"
case $1 in
get) if [ -f "$dir/secret" ]; then cat "$dir/secret"; else echo "credentials not found in native keychain"; exit 1; fi ;;
store) cat > "$dir/secret" ;;
erase) rm -f "$dir/secret" ;;
esac
)",
               0755);
    options.environment["PATH"] = home.path() + "/bin:" + std::string(getenv("PATH"));
  }
};

}  // namespace

TEST_CASE("the longest key of host, namespace and repository wins") {
  Store test;
  test.home.write("run/containers/auth.json", R"({"auths":{)" + entry("quay.io", "host:p") + "," +
                                                  entry("quay.io/ns", "ns:p") + "," +
                                                  entry("quay.io/ns/repo", "repo:p") + "}}");
  CHECK(test.user("quay.io", "ns/repo") == "repo");
  CHECK(test.user("quay.io", "ns/repo2") == "ns");
  CHECK(test.user("quay.io", "nsx/repo") == "host");
  CHECK(test.user("quay.io") == "host");
  CHECK(test.user("evil.quay.io", "ns/repo") == "none");
  CHECK(test.user("quay.io:5000", "ns/repo") == "none");
}

TEST_CASE("files are searched in the documented order") {
  Store test;
  test.home.write(".dockercfg", "{" + entry("https://quay.io/v1/", "dockercfg:p") + "}");
  CHECK(test.user("quay.io") == "dockercfg");
  test.home.write(".docker/config.json", R"({"auths":{)" + entry("quay.io", "docker:p") + "}}");
  CHECK(test.user("quay.io") == "docker");
  test.home.write(".config/containers/auth.json", R"({"auths":{)" + entry("quay.io", "config:p") + "}}");
  CHECK(test.user("quay.io") == "config");
  test.home.write("run/containers/auth.json", R"({"auths":{)" + entry("quay.io", "runtime:p") + "}}");
  CHECK(test.user("quay.io") == "runtime");
  test.home.write("env.json", R"({"auths":{)" + entry("quay.io", "env:p") + "}}");
  test.options.environment["REGISTRY_AUTH_FILE"] = test.home.path() + "/env.json";
  CHECK(test.user("quay.io") == "env");
  test.home.write("flag.json", R"({"auths":{}})");
  test.options.authfile = test.home.path() + "/flag.json";
  CHECK(test.user("quay.io") == "none");
  test.options.authfile += ".missing";
  CHECK_THAT(test.user("quay.io"), Catch::Matchers::ContainsSubstring("credential file is not accessible"));
}

TEST_CASE("DOCKER_CONFIG moves Docker's file") {
  Store test;
  test.home.write("elsewhere/config.json", R"({"auths":{)" + entry("https://index.docker.io/v1/", "hub:p") + "}}");
  test.options.environment["DOCKER_CONFIG"] = test.home.path() + "/elsewhere";
  CHECK(test.user("docker.io", "library/alpine") == "hub");
}

TEST_CASE("keys of older tools mean their host") {
  CHECK(normalise_auth_key("https://index.docker.io/v1/") == "docker.io");
  CHECK(normalise_auth_key("index.docker.io") == "docker.io");
  CHECK(normalise_auth_key("registry-1.docker.io") == "docker.io");
  CHECK(normalise_auth_key("https://quay.io/v2/") == "quay.io");
  CHECK(normalise_auth_key("http://h:5000") == "h:5000");
  CHECK(normalise_auth_key("quay.io/ns/repo/") == "quay.io/ns/repo");
}

TEST_CASE("damaged files are errors that name the file and not the secret") {
  Store test;
  test.home.write("run/containers/auth.json", R"({"auths":{"quay.io":{"auth":"c2VjcmV0"}}})");
  CHECK_THAT(test.user("quay.io"), Catch::Matchers::ContainsSubstring("auth.json"));
  CHECK(test.user("quay.io").find("secret") == std::string::npos);
  CHECK(test.user("quay.io").find("c2VjcmV0") == std::string::npos);
  test.home.write("run/containers/auth.json", "{\"auths\":");
  CHECK_THAT(test.user("quay.io"), Catch::Matchers::ContainsSubstring("auth.json"));
}

TEST_CASE("an identity token is found beside or without a password") {
  Store test;
  test.home.write("run/containers/auth.json", R"({"auths":{"az.io":{"identitytoken":"t0ken"}}})");
  const auto found = CredentialStore(test.options).find("az.io", "x");
  REQUIRE(found);
  CHECK((*found)->identity_token == "t0ken");
}

TEST_CASE("a login is stored with mode 0600 and keeps what others wrote") {
  Store test;
  test.home.write("run/containers/auth.json", R"({"auths":{)" + entry("other.io", "other:p") +
                                                  R"(},"HttpHeaders":{"X":"y"},"credHelpers":{"e.io":"ecr"}})");
  const CredentialStore store(test.options);
  REQUIRE(store.store("quay.io", {.username = "me", .password = "p:w", .identity_token = {}}));
  CHECK(test.user("quay.io") == "me");
  CHECK(test.user("other.io") == "other");
  CHECK((*store.find("quay.io", ""))->password == "p:w");
  const auto text = test.home.read("run/containers/auth.json");
  CHECK_THAT(text, Catch::Matchers::ContainsSubstring("HttpHeaders"));
  CHECK_THAT(text, Catch::Matchers::ContainsSubstring("ecr"));
  struct stat status{};
  REQUIRE(stat((test.home.path() + "/run/containers/auth.json").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);

  REQUIRE(store.erase("quay.io"));
  CHECK(test.user("quay.io") == "none");
  CHECK(test.user("other.io") == "other");
  const auto again = store.erase("quay.io");
  REQUIRE_FALSE(again);
  CHECK(again.error().code() == Errc::not_found);
  CHECK(again.error().text() == "not logged into quay.io");
  REQUIRE(store.erase_all());
  CHECK(test.user("other.io") == "none");
  CHECK_THAT(test.home.read("run/containers/auth.json"), Catch::Matchers::ContainsSubstring("HttpHeaders"));
}

TEST_CASE("a login replaces an entry under an older key of the same host") {
  Store test;
  test.home.write("run/containers/auth.json", R"({"auths":{)" + entry("https://index.docker.io/v1/", "old:p") + "}}");
  REQUIRE(CredentialStore(test.options).store("docker.io", {.username = "new", .password = "p", .identity_token = {}}));
  CHECK(test.user("docker.io", "library/x") == "new");
  CHECK(test.home.read("run/containers/auth.json").find("index.docker.io") == std::string::npos);
}

TEST_CASE("Docker's format knows hosts only") {
  Store test;
  test.options.compat_authfile = test.home.path() + "/docker.json";
  const CredentialStore store(test.options);
  REQUIRE(store.store("docker.io", {.username = "u", .password = "p", .identity_token = {}}));
  CHECK_THAT(test.home.read("docker.json"), Catch::Matchers::ContainsSubstring("https://index.docker.io/v1/"));
  CHECK_FALSE(store.store("quay.io/ns", {.username = "u", .password = "p", .identity_token = {}}));
}

TEST_CASE("credHelpers and credsStore ask their program") {
  Store test;
  test.install_helper("test");
  const bool for_host = GENERATE(true, false);
  test.home.write("run/containers/auth.json",
                  for_host ? R"({"credHelpers":{"quay.io":"test"}})" : R"({"credsStore":"test"})");
  CHECK(test.user("quay.io", "a/b") == "none");
  test.home.write("bin/secret", R"({"ServerURL":"quay.io","Username":"helped","Secret":"s3cret"})");
  CHECK(test.user("quay.io", "a/b") == "helped");
  test.home.write("bin/secret", R"({"Username":"<token>","Secret":"t0ken"})");
  CHECK((*CredentialStore(test.options).find("quay.io", ""))->identity_token == "t0ken");
}

TEST_CASE("logins go through a helper by standard input, never by argument") {
  Store test;
  test.install_helper("test");
  test.home.write("run/containers/auth.json", R"({"credHelpers":{"quay.io":"test"}})");
  const CredentialStore store(test.options);
  REQUIRE(store.store("quay.io", {.username = "me", .password = "s3cret", .identity_token = {}}));
  CHECK(test.home.read("bin/secret") == R"({"ServerURL":"quay.io","Username":"me","Secret":"s3cret"})");
  CHECK(test.home.read("run/containers/auth.json").find("s3cret") == std::string::npos);
  CHECK(test.home.read("bin/log") == "store 1\n");
  REQUIRE(store.erase("quay.io"));
  CHECK(test.user("quay.io") == "none");
}

TEST_CASE("a helper that is missing or has an odd name is an error") {
  Store test;
  test.home.write("run/containers/auth.json", R"({"credHelpers":{"quay.io":"nosuch","evil.io":"../../bin/sh"}})");
  CHECK_THAT(test.user("quay.io"), Catch::Matchers::ContainsSubstring("'docker-credential-nosuch' is not installed"));
  CHECK_THAT(test.user("evil.io"), Catch::Matchers::ContainsSubstring("not a valid name"));
}

TEST_CASE("credentials of the command line are split at the first colon") {
  CHECK(parse_credentials("u:p:q")->password == "p:q");
  CHECK(parse_credentials("u")->password.empty());
  CHECK_FALSE(parse_credentials(":p"));
  CHECK_FALSE(parse_credentials(""));
}

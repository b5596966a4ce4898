#include "registry/policy.h"

#include <string>
#include <vector>

#include "registry/aliases.h"
#include "tests/catch.h"
#include "tests/unit/registry/home.h"

using namespace ctr::registry;  // NOLINT(google-build-using-namespace): a test
using ctr::Errc;
using ctr::oci::parse_reference;

namespace {

const std::string k_digest = "@sha256:" + std::string(64, 'a');

RegistriesConfig config_of(const std::string& toml) {
  RegistriesConfig config;
  config.source = "/etc/containers/registries.conf";
  const auto merged = merge_registries_toml(config, toml, "test.conf");
  INFO((merged ? "" : merged.error().text()));
  REQUIRE(merged);
  return config;
}

std::string merge_error(const std::string& toml) {
  RegistriesConfig config;
  const auto merged = merge_registries_toml(config, toml, "test.conf");
  return merged ? "" : merged.error().text();
}

std::vector<std::string> candidates(const RegistriesConfig& config, const std::string& typed) {
  const auto found = find_candidates(config, *parse_reference(typed));
  std::vector<std::string> texts;
  if (!found) return {found.error().text()};
  for (const auto& reference : found->references) texts.push_back(reference.to_string());
  return texts;
}

// "host/repository" with "!" behind when insecure.
std::vector<std::string> endpoints(const RegistriesConfig& config, const std::string& full) {
  const auto found = find_endpoints(config, *parse_reference(full));
  if (!found) return {found.error().text()};
  std::vector<std::string> texts;
  for (const auto& endpoint : *found) {
    texts.push_back(endpoint.name() + (endpoint.insecure ? "!" : "") + (endpoint.is_mirror ? " mirror" : ""));
  }
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("without any configuration a short name means docker.io") {
  const ctr::test::TemporaryHome home;
  const auto config = load_registries_config({}, home.paths(), {.etc = home.path() + "/etc"});
  REQUIRE(config);
  CHECK(candidates(*config, "alpine") == Texts{"docker.io/library/alpine:latest"});
  CHECK(candidates(*config, "grafana/grafana:1") == Texts{"docker.io/grafana/grafana:1"});
  CHECK(endpoints(*config, "docker.io/library/alpine:latest") == Texts{"docker.io/library/alpine"});
}

TEST_CASE("a full reference stands for itself") {
  CHECK(candidates({}, "quay.io/a/b") == Texts{"quay.io/a/b:latest"});
  CHECK(candidates({}, "quay.io/a/b:1" + k_digest) == Texts{"quay.io/a/b:1" + k_digest});
}

TEST_CASE("short names are tried on every search registry in order") {
  const auto config = config_of(R"(unqualified-search-registries = ["docker.io", "quay.io", "h:5000/ns"])");
  CHECK(candidates(config, "a") == Texts{"docker.io/library/a:latest", "quay.io/a:latest", "h:5000/ns/a:latest"});
  CHECK(candidates(config, "a" + k_digest).at(1) == "quay.io/a" + k_digest);
}

TEST_CASE("without alias and search registry the error is podman's") {
  CHECK(candidates(config_of(""), "nosuch") ==
        Texts{"short-name \"nosuch\" did not resolve to an alias and no unqualified-search registries are defined in "
              "\"/etc/containers/registries.conf\""});
}

TEST_CASE("an alias comes before the search registries, except in mode disabled") {
  const std::string text =
      "unqualified-search-registries = [\"quay.io\"]\n[aliases]\n\"deb\" = \"docker.io/library/debian\"\n";
  CHECK(candidates(config_of(text), "deb:12") == Texts{"docker.io/library/debian:12"});
  CHECK(candidates(config_of("short-name-mode = \"disabled\"\n" + text), "deb") == Texts{"quay.io/deb:latest"});
}

TEST_CASE("between several registries a person chooses, if the mode says so") {
  const auto choice = [](const std::string& mode, const std::string& hosts) {
    const auto config =
        config_of("short-name-mode = \"" + mode + "\"\nunqualified-search-registries = [" + hosts + "]\n");
    const auto found = find_candidates(config, *parse_reference("x"));
    REQUIRE(found);
    return found->choice;
  };
  const std::string two = R"("a.io", "b.io")";
  CHECK(choice("enforcing", two) == Candidates::Choice::required);
  CHECK(choice("permissive", two) == Candidates::Choice::if_possible);
  CHECK(choice("disabled", two) == Candidates::Choice::none);
  CHECK(choice("enforcing", R"("a.io")") == Candidates::Choice::none);
  const auto config = config_of("unqualified-search-registries = [" + two + "]\n");
  CHECK(nobody_to_ask(config, *parse_reference("x")).text() ==
        "short-name \"x\" may come from several registries (a.io, b.io): short-name resolution enforced but cannot "
        "prompt without a TTY");
}

TEST_CASE("a recorded choice is an alias the next time") {
  const ctr::test::TemporaryHome home;
  const std::string file = ".cache/containers/short-name-aliases.conf";
  REQUIRE(record_alias(home.paths(), "alpine", "quay.io/alpine"));
  REQUIRE(record_alias(home.paths(), "deb", "docker.io/library/debian"));
  REQUIRE(record_alias(home.paths(), "alpine", "docker.io/library/alpine"));
  CHECK(home.read(file) ==
        "[aliases]\n  \"alpine\" = \"docker.io/library/alpine\"\n  \"deb\" = "
        "\"docker.io/library/debian\"\n");
  const auto config = load_registries_config({}, home.paths(), {.etc = home.path() + "/etc"});
  REQUIRE(config);
  CHECK(candidates(*config, "deb") == Texts{"docker.io/library/debian:latest"});
  home.write(file, "[aliases");
  CHECK_FALSE(record_alias(home.paths(), "x", "docker.io/library/x"));
  CHECK(home.read(file) == "[aliases");
}

TEST_CASE("the longest prefix decides, at component boundaries") {
  const auto config = config_of(R"(
[[registry]]
prefix = "example.com"
location = "one.io"
[[registry]]
prefix = "example.com/ns"
location = "two.io/x"
[[registry]]
prefix = "example.com/ns/repo:special"
location = "three.io/special"
)");
  CHECK(endpoints(config, "example.com/a:1") == Texts{"one.io/a"});
  CHECK(endpoints(config, "example.com/ns/a:1") == Texts{"two.io/x/a"});
  CHECK(endpoints(config, "example.com/nsx/a:1") == Texts{"one.io/nsx/a"});
  CHECK(endpoints(config, "example.com.evil.io/a:1") == Texts{"example.com.evil.io/a"});
  CHECK(endpoints(config, "other.io/example.com/a:1") == Texts{"other.io/example.com/a"});
}

TEST_CASE("a wildcard matches subdomains and keeps them without a location") {
  const auto config = config_of(R"(
[[registry]]
prefix = "*.example.com"
insecure = true
[[registry]]
prefix = "*.corp.example.com"
location = "mirror.io/corp"
)");
  CHECK(endpoints(config, "a.example.com/x:1") == Texts{"a.example.com/x!"});
  CHECK(endpoints(config, "a.b.example.com/x:1") == Texts{"a.b.example.com/x!"});
  CHECK(endpoints(config, "example.com/x:1") == Texts{"example.com/x"});
  CHECK(endpoints(config, "r.corp.example.com/x:1") == Texts{"mirror.io/corp/x"});
  CHECK(endpoints(config, "a.example.com.evil.io/x:1") == Texts{"a.example.com.evil.io/x"});
  CHECK(endpoints(config, "evil.io/a.example.com/x:1") == Texts{"evil.io/a.example.com/x"});
}

TEST_CASE("mirrors come first and serve what they are for") {
  const auto config = config_of(R"(
[[registry]]
prefix = "example.com"
[[registry.mirror]]
location = "m1.io/proxy"
insecure = true
[[registry.mirror]]
location = "m2.io"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "m3.io"
pull-from-mirror = "tag-only"
)");
  CHECK(endpoints(config, "example.com/a:1") == Texts{"m1.io/proxy/a! mirror", "m3.io/a mirror", "example.com/a"});
  CHECK(endpoints(config, "example.com/a" + k_digest) ==
        Texts{"m1.io/proxy/a! mirror", "m2.io/a mirror", "example.com/a"});
  const auto by_digest = config_of(
      "[[registry]]\nlocation=\"e.io\"\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation=\"m.io\"\n");
  CHECK(endpoints(by_digest, "e.io/a:1") == Texts{"e.io/a"});
}

TEST_CASE("a blocked registry is refused") {
  const auto config = config_of("[[registry]]\nlocation = \"bad.io\"\nblocked = true\n");
  const auto found = find_endpoints(config, *parse_reference("bad.io/x:1"));
  REQUIRE_FALSE(found);
  CHECK(found.error().code() == Errc::permission);
  CHECK(found.error().text() == "registry bad.io is blocked in /etc/containers/registries.conf");
}

TEST_CASE("mistakes name the file and what is wrong") {
  using Catch::Matchers::ContainsSubstring;
  CHECK_THAT(merge_error("a = \n"), ContainsSubstring("test.conf:1:"));
  CHECK_THAT(merge_error("[.]"), ContainsSubstring("test.conf: not valid TOML"));
  CHECK_THAT(merge_error("[registries.search]\nregistries=[]"), ContainsSubstring("version 1"));
  CHECK_THAT(merge_error("unqualified-search-registries = \"x\""), ContainsSubstring("test.conf"));
  CHECK_THAT(merge_error("unqualified-search-registries = [\"https://x\"]"), ContainsSubstring("URI scheme"));
  CHECK_THAT(merge_error("short-name-mode = \"ask\""), ContainsSubstring("short-name-mode"));
  CHECK_THAT(merge_error("[[registry]]\n"), ContainsSubstring("neither prefix nor location"));
  CHECK_THAT(merge_error("[[registry]]\nprefix = \"a.*.b\""), ContainsSubstring("'*'"));
  CHECK_THAT(merge_error("[[registry]]\nlocation = \"a\"\ninsecure = \"yes\""), ContainsSubstring("insecure"));
  CHECK_THAT(merge_error("[aliases]\n\"a:1\" = \"docker.io/library/a\""), ContainsSubstring("short name"));
  CHECK_THAT(merge_error("[aliases]\n\"a\" = \"b\""), ContainsSubstring("full name"));
  CHECK_THAT(
      merge_error("[[registry]]\nlocation=\"a.io\"\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation=\"m\"\n"
                  "pull-from-mirror=\"all\""),
      ContainsSubstring("exclude each other"));
}

TEST_CASE("a user's file replaces the system's, drop-ins of both are merged after it") {
  const ctr::test::TemporaryHome home;
  home.write("etc/registries.conf", "unqualified-search-registries = [\"system.io\"]");
  home.write("etc/registries.conf.d/10-a.conf",
             "[aliases]\n\"one\" = \"system.io/one\"\n\"two\" = \"system.io/two\"\n");
  home.write("etc/registries.conf.d/README", "not TOML at all");
  const ConfigRoots roots{.etc = home.path() + "/etc", .etc_docker = ""};
  auto config = load_registries_config({}, home.paths(), roots);
  REQUIRE(config);
  CHECK(config->unqualified_search == Texts{"system.io"});

  home.write(".config/containers/registries.conf", "unqualified-search-registries = [\"user.io\"]");
  home.write(".config/containers/registries.conf.d/00.conf", "[aliases]\n\"one\" = \"user.io/one\"\n\"two\" = \"\"\n");
  config = load_registries_config({}, home.paths(), roots);
  REQUIRE(config);
  CHECK(config->unqualified_search == Texts{"user.io"});
  CHECK(config->aliases == std::map<std::string, std::string>{{"one", "user.io/one"}});

  home.write(".cache/containers/short-name-aliases.conf", "[aliases]\n\"one\" = \"recorded.io/one\"\n");
  CHECK(candidates(*load_registries_config({}, home.paths(), roots), "one") == Texts{"recorded.io/one:latest"});

  home.write("named.conf", "unqualified-search-registries = [\"named.io\"]");
  const ctr::Environment environment{{"CONTAINERS_REGISTRIES_CONF", home.path() + "/named.conf"}};
  CHECK(load_registries_config(environment, home.paths(), roots)->unqualified_search == Texts{"named.io"});
  const ctr::Environment missing{{"CONTAINERS_REGISTRIES_CONF", home.path() + "/absent.conf"}};
  CHECK_FALSE(load_registries_config(missing, home.paths(), roots));
}

TEST_CASE("a later table of the same prefix replaces the earlier one") {
  auto config = config_of("[[registry]]\nprefix=\"a.io\"\nlocation=\"one.io\"\n");
  REQUIRE(merge_registries_toml(config, "[[registry]]\nprefix=\"a.io\"\nlocation=\"two.io\"\n", "b"));
  CHECK(endpoints(config, "a.io/x:1") == Texts{"two.io/x"});
}

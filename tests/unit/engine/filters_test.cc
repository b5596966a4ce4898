#include "engine/filters.h"

#include "engine/config.h"
#include "engine/image_lookup.h"
#include "tests/catch.h"

namespace ctr::engine {

namespace {

ContainerInfo container() {
  ContainerInfo info;
  info.id = {"abc" + std::string(61, '0')};
  info.name = "web";
  info.spec.labels = {{"a", "b"}, {"empty", ""}};
  info.image_name = "docker.io/library/alpine:latest";
  info.image_id = std::string(64, 'f');
  info.created = from_unix_seconds(1000);
  info.argv = {"sh"};
  info.state = ContainerState::exited;
  info.exit_code = 3;
  return info;
}

FilterContext context() {
  FilterContext made;
  made.now = from_unix_seconds(5000);
  made.created_of = [](const std::string&) -> Result<TimePoint> { return from_unix_seconds(2000); };
  made.image_ids_of = [](const std::string& name) -> Result<std::vector<std::string>> {
    if (name == "alpine") return std::vector<std::string>{std::string(64, 'f')};
    return std::vector<std::string>{};
  };
  return made;
}

bool matches(const std::vector<ContainerFilter>& filters) {
  const auto result = container_matches(container(), filters, context());
  REQUIRE(result);
  return *result;
}

storage::ImageRecord image(const std::string& id_digit, std::vector<std::string> names,
                           std::vector<std::string> repo_digests = {}) {
  std::string hex;
  while (hex.size() < 64) hex += id_digit;
  hex.resize(64);
  const auto digest = Digest::parse("sha256:" + hex).value();
  return {digest, {"", digest, 1, {}, {}}, std::move(names), std::move(repo_digests), 1, {}, {}};
}

std::string found_name(const std::vector<storage::ImageRecord>& images, std::string_view text) {
  const auto found = find_among(images, text);
  REQUIRE(found);
  return *found ? (*found)->name : "";
}

}  // namespace

TEST_CASE("ps filters match by id, name, label, state and time") {
  CHECK(matches({{"id", "abc"}}));
  CHECK(matches({{"name", "^we"}}));
  CHECK_FALSE(matches({{"name", "^eb"}}));
  CHECK(matches({{"label", "a=b"}, {"label", "empty"}}));
  CHECK_FALSE(matches({{"label", "a=b"}, {"label", "c"}}));
  CHECK(matches({{"label!", "c"}}));
  CHECK(matches({{"status", "running"}, {"status", "exited"}}));
  CHECK(matches({{"exited", "3"}}));
  CHECK(matches({{"ancestor", "alpine"}}));
  CHECK(matches({{"before", "x"}}));
  CHECK_FALSE(matches({{"since", "x"}}));
  CHECK(matches({{"until", "10m"}}));
  CHECK(matches({{"network", "private"}}));
}

TEST_CASE("ps filters know the restart policy and the health") {
  auto info = container();
  const auto holds = [&](const char* key, const char* value) {
    return container_matches(info, {{key, value}}, context()).value();
  };
  CHECK(holds("restart-policy", "no"));
  CHECK(holds("restart-policy", "never"));
  CHECK_FALSE(holds("restart-policy", "always"));
  CHECK_FALSE(holds("should-start-on-boot", "true"));
  CHECK(holds("should-start-on-boot", "false"));
  CHECK(holds("health", "none"));
  info.spec.restart.policy = RestartSpec::Policy::on_failure;
  CHECK(holds("restart-policy", "on-failure"));
  CHECK_FALSE(holds("should-start-on-boot", "true"));
  info.spec.restart.policy = RestartSpec::Policy::unless_stopped;
  CHECK(holds("should-start-on-boot", "true"));
  info.stopped_by_user = true;
  CHECK_FALSE(holds("should-start-on-boot", "true"));
  info.spec.restart.policy = RestartSpec::Policy::always;
  CHECK(holds("should-start-on-boot", "true"));
  info.health = "healthy";
  CHECK(holds("health", "healthy"));
  CHECK_FALSE(holds("health", "none"));
  CHECK(container_matches(info, {{"restart-policy", "foo"}}, context()).error().message() ==
        "foo invalid restart policy");
}

TEST_CASE("an unknown filter is refused in podman's words") {
  CHECK(container_matches(container(), {{"nosuch", "x"}}, context()).error().message() ==
        "nosuch is an invalid filter");
  CHECK_FALSE(container_matches(container(), {{"status", "happy"}}, context()));
}

TEST_CASE("a short image name is localhost's, then docker.io's, then anybody's") {
  const std::vector<storage::ImageRecord> images = {image("1", {"quay.io/x/bb:1"}),
                                                    image("2", {"docker.io/library/bb:1"}),
                                                    image("3", {"localhost/bb:1", "docker.io/library/cc:latest"})};
  CHECK(found_name(images, "bb:1") == "localhost/bb:1");
  CHECK(found_name(images, "x/bb:1") == "quay.io/x/bb:1");
  CHECK(found_name(images, "cc") == "docker.io/library/cc:latest");
  CHECK(found_name(images, "quay.io/x/bb:1") == "quay.io/x/bb:1");
  CHECK(found_name(images, "quay.io/x/bb").empty());
  CHECK(found_name(images, "dd").empty());
}

TEST_CASE("an image is found by id prefix and by digest") {
  const auto digest = "sha256:" + std::string(64, '9');
  const std::vector<storage::ImageRecord> images = {image("12", {"a.b/x:1"}, {"a.b/x@" + digest}), image("13", {})};
  CHECK(found_name(images, "1212") == "a.b/x:1");
  CHECK(found_name(images, "sha256:13") == std::string(images[1].id.hex()));
  CHECK(found_name(images, "a.b/x@" + digest) == "a.b/x@" + digest);
  CHECK(found_name(images, "x@" + digest).empty() == false);
  CHECK(find_among(images, "1").error().code() == Errc::invalid);
}

TEST_CASE("a new tag of a short name is localhost's") {
  CHECK(*full_tag_name("x") == "localhost/x:latest");
  CHECK(*full_tag_name("quay.io/x:1") == "quay.io/x:1");
  CHECK_FALSE(full_tag_name("x@sha256:" + std::string(64, '9')));
}

TEST_CASE("configuration files add to each other, and append only when told to") {
  Config config;
  REQUIRE(apply_config(config, "[containers]\nenv = [\"A=1\"]\numask = \"0077\"\npids_limit = 5\n", "one"));
  REQUIRE(apply_config(config, "[containers]\nenv = [\"B=2\", {append=true}]\n[engine]\nstop_timeout = 3\n", "two"));
  CHECK(config.env == std::vector<std::string>{"A=1", "B=2"});
  CHECK(config.umask == "0077");
  CHECK(config.pids_limit == 5);
  CHECK(config.stop_timeout == std::chrono::seconds(3));
  REQUIRE(apply_config(config, "[containers]\nenv = [\"C=3\"]\nunknown = 1\n", "three"));
  CHECK(config.env == std::vector<std::string>{"C=3"});
}

TEST_CASE("a wrong configuration is refused with file and line") {
  Config config;
  CHECK(apply_config(config, "[containers]\n\npids_limit = \"x\"\n", "f.conf").error().message() ==
        "f.conf:3: containers.pids_limit is not a number in range");
  CHECK(apply_config(config, "[containers\n", "f.conf").error().message().starts_with("f.conf:1:"));
}

}  // namespace ctr::engine

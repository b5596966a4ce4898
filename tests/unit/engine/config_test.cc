#include "engine/config.h"

#include <fmt/format.h>

#include "base/file.h"
#include "engine/config_keys.h"
#include "tests/catch.h"
#include "tests/temporary_dir.h"

namespace ctr::engine {
namespace {

Config applied(std::string_view text) {
  Config config;
  const auto done = apply_config(config, text, "f.conf");
  if (!done) FAIL(done.error().text());
  return config;
}

std::string refusal(std::string_view text) {
  Config config;
  const auto done = apply_config(config, text, "f.conf");
  REQUIRE_FALSE(done);
  return done.error().message();
}

}  // namespace

TEST_CASE("each key that is followed is read") {
  const auto config = applied(
      "[containers]\n"
      "default_sysctls = [\"net.ipv4.ping_group_range=0 0\"]\ndefault_ulimits = [\"nofile=1:2\"]\n"
      "env = [\"A=b\"]\nenv_host = true\nhttp_proxy = false\ninit = true\ninit_path = \"/i\"\n"
      "log_driver = \"none\"\nlog_size_max = 100\noom_score_adj = -5\npids_limit = 7\nshm_size = \"1m\"\n"
      "tz = \"UTC\"\numask = \"0077\"\nuserns = \"keep-id\"\nuserns_size = 70000\nvolumes = [\"/a:/b\"]\n"
      "[engine]\ncgroup_manager = \"cgroupfs\"\ndetach_keys = \"ctrl-a\"\npull_policy = \"never\"\n"
      "retry = 1\nruntime = \"crun\"\nstop_timeout = 3\n"
      "network_cmd_options = [\"mtu=1500\"]\n"
      "[network]\ndefault_rootless_network_cmd = \"pasta\"\npasta_options = [\"--map-gw\"]\n");
  Config expected;
  expected.default_sysctls = {"net.ipv4.ping_group_range=0 0"};
  expected.default_ulimits = {"nofile=1:2"};
  expected.env = {"A=b"};
  expected.env_host = true;
  expected.http_proxy = false;
  expected.init = true;
  expected.init_path = "/i";
  expected.log_driver = "none";
  expected.log_size_max_bytes = 100;
  expected.oom_score_adj = -5;
  expected.pids_limit = 7;
  expected.shm_size_bytes = uint64_t{1} << 20;
  expected.timezone = "UTC";
  expected.umask = "0077";
  expected.userns = "keep-id";
  expected.userns_size = 70000;
  expected.volumes = {"/a:/b"};
  expected.cgroup_manager = "cgroupfs";
  expected.detach_keys = "ctrl-a";
  expected.pull_policy = PullPolicy::never;
  expected.retry = 1;
  expected.runtime = "crun";
  expected.stop_timeout = std::chrono::seconds(3);
  expected.default_network_cmd = "pasta";
  expected.slirp_options = {"mtu=1500"};
  expected.pasta_options = {"--map-gw"};
  expected.origins = config.origins;
  CHECK(config == expected);
  CHECK(config.origins.at("containers.env") == "f.conf:4");
  CHECK(config.origins.at("engine.stop_timeout") == "f.conf:25");
  CHECK(config.origins.size() == 26);
}

TEST_CASE("the file that sets a key last is where it comes from") {
  Config config;
  REQUIRE(apply_config(config, "[containers]\numask = \"1\"\n", "one"));
  REQUIRE(apply_config(config, "[engine]\n[containers]\ninit = true\numask = \"2\"\n", "two"));
  CHECK(config.origins ==
        std::map<std::string, std::string>{{"containers.init", "two:3"}, {"containers.umask", "two:4"}});
}

TEST_CASE("a key that nobody knows is a warning with file and line, and one that podman knows is none") {
  const auto config = applied(
      "colour = 1\n[containers]\nlable = true\nlabel = false\n[engine]\nnum_locks = 1\n[nosuch]\n[machine]\ncpus = "
      "1\n");
  CHECK(config.warnings.size() == 3);
  CHECK(config.warnings[0] == "f.conf:1: unknown table or key colour");
  CHECK(config.warnings[1] == "f.conf:7: unknown table or key nosuch");
  CHECK(config.warnings[2] == "f.conf:3: unknown key containers.lable");
}

TEST_CASE("values that cannot be followed are refused with file and line") {
  CHECK(refusal("[engine]\nimage_default_transport = \"oci:\"\n") ==
        "f.conf:2: engine.image_default_transport is not docker://, the only one there is");
  CHECK(refusal("[containers]\noom_score_adj = \"x\"\n") ==
        "f.conf:2: containers.oom_score_adj is not a number in range");
  CHECK(refusal("[containers]\nenv = \"x\"\n") == "f.conf:2: containers.env is not an array of strings");
}

TEST_CASE("drop-ins come in the order of their names, and the override last") {
  const test::TemporaryDir dir;
  const auto made = dir.dir().open_or_make_dir("containers", 0700);
  REQUIRE(made);
  const auto& home = *made;
  REQUIRE(home.make_dir("containers.conf.d", 0700));
  REQUIRE(home.write_file("containers.conf", "[containers]\numask = \"1\"\ntz = \"first\"\n", Sync::no));
  REQUIRE(home.write_file("containers.conf.d/20.conf", "[containers]\numask = \"3\"\n", Sync::no));
  REQUIRE(home.write_file("containers.conf.d/10.conf", "[containers]\numask = \"2\"\n", Sync::no));
  REQUIRE(dir.dir().write_file("over", "[containers]\nlog_driver = \"none\"\n", Sync::no));
  UserPaths paths;
  paths.config_home = dir.path();
  const auto read = load_config({}, paths, 1000);
  REQUIRE(read);
  CHECK(read->umask == "3");
  CHECK(read->timezone == "first");
  CHECK(read->origins.at("containers.umask") == dir.path() + "/containers/containers.conf.d/20.conf:2");
  const auto over = load_config({{"CONTAINERS_CONF_OVERRIDE", dir.path() + "/over"}}, paths, 1000);
  REQUIRE(over);
  CHECK(over->umask == "3");
  CHECK(over->log_driver == "none");
  const auto only = load_config({{"CONTAINERS_CONF", dir.path() + "/over"}}, paths, 1000);
  REQUIRE(only);
  CHECK(only->umask == "0022");
  CHECK(only->files == std::vector<std::string>{dir.path() + "/over"});
  for (const auto* variable : {"CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE"}) {
    const auto missing = load_config({{variable, dir.path() + "/nosuch"}}, paths, 1000);
    REQUIRE_FALSE(missing);
    CHECK(missing.error().text() == fmt::format("{} names '{}/nosuch', which does not exist", variable, dir.path()));
  }
}

TEST_CASE("what is shown is every key that is followed, and nothing else") {
  for (const auto& value : config_values({})) {
    INFO(value.key);
    CHECK(is_config_key(value.table + "." + value.key));
  }
  CHECK_FALSE(is_config_key("containers.nosuch"));
  CHECK(is_config_table("engine"));
  CHECK_FALSE(is_config_table("engines"));
}

}  // namespace ctr::engine

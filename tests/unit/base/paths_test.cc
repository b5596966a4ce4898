#include "base/paths.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/file.h"
#include "tests/catch.h"
#include "tests/temporary_dir.h"

using ctr::Environment;
using ctr::test::TemporaryDir;

TEST_CASE("directories follow the XDG variables") {
  TemporaryDir temporary;
  Environment environment = {{"HOME", "/home/u"},
                             {"XDG_CONFIG_HOME", "/etc/of-u/"},
                             {"XDG_DATA_HOME", "relative"},
                             {"XDG_RUNTIME_DIR", temporary.path()}};
  auto paths = ctr::find_user_paths(environment, ::geteuid());
  REQUIRE(paths);
  CHECK(paths->home == "/home/u");
  CHECK(paths->config_home == "/etc/of-u");
  CHECK(paths->data_home == "/home/u/.local/share");
  CHECK(paths->cache_home == "/home/u/.cache");
  CHECK(paths->store == "/home/u/.local/share/ctr");
  CHECK(paths->run == temporary.path() + "/ctr");
}

TEST_CASE("a runtime directory of somebody else is refused") {
  TemporaryDir temporary;
  Environment environment = {{"HOME", "/home/u"}, {"XDG_RUNTIME_DIR", temporary.path()}};
  auto paths = ctr::find_user_paths(environment, ::geteuid() + 1);
  REQUIRE_FALSE(paths);
  CHECK(paths.error().code() == ctr::Errc::permission);
}

TEST_CASE("a home is needed") {
  auto paths = ctr::find_user_paths({}, 4'000'000'000);
  REQUIRE_FALSE(paths);
  CHECK(paths.error().code() == ctr::Errc::not_found);
}

TEST_CASE("the first of two equal variables counts, as for getenv") {
  std::string one = "A=1";
  std::string two = "A=2";
  std::string odd = "no-equals";
  char* block[] = {one.data(), two.data(), odd.data(), nullptr};
  auto environment = ctr::read_environment(block);
  CHECK(environment.size() == 1);
  CHECK(ctr::environment_value(environment, "A") == "1");
  CHECK(ctr::environment_value(environment, "B").empty());
}

TEST_CASE("programs are looked for in system directories before PATH") {
  TemporaryDir temporary;
  REQUIRE(ctr::create_file(temporary.path() + "/sh", "", 0755));
  REQUIRE(ctr::create_file(temporary.path() + "/of-the-user", "", 0755));
  REQUIRE(ctr::create_file(temporary.path() + "/no-program", "", 0644));
  Environment environment = {{"PATH", "relative::" + temporary.path()}};
  CHECK(ctr::find_program("sh", environment) == "/usr/bin/sh");
  CHECK(ctr::find_program("of-the-user", environment) == temporary.path() + "/of-the-user");
  CHECK(ctr::find_program("no-program", environment).empty());
  CHECK(ctr::find_program("../bin/sh", environment).empty());
  CHECK(ctr::find_program("", environment).empty());
}

TEST_CASE("paths become absolute without looking at the disk") {
  CHECK(*ctr::absolute_path("/a/./b//../c/") == "/a/c");
  CHECK(*ctr::absolute_path("/../..") == "/");
  CHECK(ctr::absolute_path("x")->ends_with("/x"));
  CHECK(ctr::own_binary_dir()->front() == '/');
}

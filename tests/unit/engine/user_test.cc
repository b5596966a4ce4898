#include "engine/user.h"

#include <algorithm>

#include "engine/caps.h"
#include "engine/env.h"
#include "engine/names.h"
#include "engine/spec_gen.h"
#include "tests/catch.h"

namespace ctr::engine {

namespace {

constexpr const char* k_passwd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "app:x:1000:1001:App:/home/app:/bin/sh\n"
    "broken:x:abc:0::/:/bin/sh\n"
    "huge:x:4294967295:0::/:/bin/sh\n"
    "12:x:77:77::/twelve:/bin/sh\n";
constexpr const char* k_group = "root:x:0:\napp:x:1001:\naudio:x:29:app,root\nvideo:x:44:app\n";

ResolvedUser resolved(std::string_view user, const std::vector<std::string>& groups = {}) {
  auto result = resolve_user(user, groups, k_passwd, k_group);
  REQUIRE(result);
  return *result;
}

std::string message(std::string_view user) {
  const auto result = resolve_user(user, {}, k_passwd, k_group);
  REQUIRE_FALSE(result);
  return result.error().message();
}

}  // namespace

TEST_CASE("variables in a text are replaced, and what is none stays") {
  EnvList env;
  env.set_entries({"A=1", "EMPTY="});
  CHECK(expand_variables("x$A-${A}y", env) == "x1-1y");
  CHECK(expand_variables("${EMPTY:-$A}${NO:-b}${A:-c}", env) == "1b1");
  CHECK(expand_variables("${A:+yes}${NO:+no}", env) == "yes");
  CHECK(expand_variables("\\$A $ ${ ${A?x} $-", env) == "$A $ ${ ${A?x} $-");
  CHECK(expand_variables("$NO.", env) == ".");
}

TEST_CASE("a variable can be made from those of the image, and wins over them") {
  ContainerSpec spec;
  spec.env_merge = {"PATH=/own:${PATH}", "B=$A"};
  const auto env = container_env({spec, {"PATH=/bin", "A=1"}, {}, {}, "/", ""});
  CHECK(std::find(env.begin(), env.end(), "PATH=/own:/bin") != env.end());
  CHECK(std::find(env.begin(), env.end(), "B=1") != env.end());
}

TEST_CASE("a user is root with root's groups when nobody says otherwise") {
  CHECK(resolved("") == ResolvedUser{0, 0, {0, 29}, "root", "/root"});
}

TEST_CASE("a name brings its group, its memberships and its home") {
  CHECK(resolved("app") == ResolvedUser{1000, 1001, {1001, 29, 44}, "app", "/home/app"});
  CHECK(resolved("1000") == resolved("app"));
}

TEST_CASE("a group after the colon replaces the memberships") {
  CHECK(resolved("app:video") == ResolvedUser{1000, 44, {44}, "app", "/home/app"});
  CHECK(resolved("app:5") == ResolvedUser{1000, 5, {5}, "app", "/home/app"});
}

TEST_CASE("a number without an account has the root group and / as home") {
  CHECK(resolved("4242") == ResolvedUser{4242, 0, {0}, "", "/"});
}

TEST_CASE("--group-add takes names and numbers, each once") {
  CHECK(resolved("4242", {"audio", "29", "7"}).groups == std::vector<uint32_t>{0, 29, 7});
}

TEST_CASE("a number is never looked up as a name") {
  CHECK(resolved("12").uid == 12);
  CHECK(resolved("12").home == "/");
}

TEST_CASE("users that do not exist or cannot be are refused in podman's words") {
  CHECK(message("nosuchuser") == "unable to find user nosuchuser: no matching entries in passwd file");
  CHECK(message("app:nosuch") == "unable to find group nosuch: no matching entries in group file");
  CHECK(message("broken") == "unable to find user broken: no matching entries in passwd file");
  CHECK(message("4294967295").find("must be in range") != std::string::npos);
  CHECK(message("99999999999999999999").find("must be in range") != std::string::npos);
  CHECK(message("huge") == "unable to find user huge: no matching entries in passwd file");
}

TEST_CASE("the environment is built from what is named, later words winning") {
  ContainerSpec spec;
  spec.env = {"B=3"};
  spec.unset_env = {"C"};
  spec.terminal = true;
  const std::vector<std::string> image = {"A=1", "B=2", "C=4", "HOME="};
  const std::vector<std::string> config = {};
  const Environment host = {{"http_proxy", "http://p"}, {"SECRET", "x"}};
  const auto env = container_env({spec, image, config, host, "/root", "box"});
  CHECK(env == std::vector<std::string>{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                        "container=podman", "TERM=xterm", "A=1", "B=3", "HOME=/root",
                                        "http_proxy=http://p", "HOSTNAME=box"});
}

TEST_CASE("--unsetenv-all leaves what was given by hand") {
  ContainerSpec spec;
  spec.unset_all_env = true;
  spec.env = {"B=3"};
  const auto env = container_env({spec, {"A=1"}, {}, {}, "/", "box"});
  CHECK(env == std::vector<std::string>{"B=3", "HOME=/", "HOSTNAME=box"});
}

TEST_CASE("root keeps the bounding set, another user nothing but what was added") {
  CapabilityInput input;
  input.defaults = {"KILL", "CAP_CHOWN"};
  input.add = {"net_admin"};
  input.drop = {"CAP_KILL"};
  const auto root = container_capabilities(input);
  REQUIRE(root);
  CHECK(root->bounding == std::vector<std::string>{"CAP_CHOWN", "CAP_NET_ADMIN"});
  CHECK(root->effective == root->bounding);
  CHECK(root->inheritable.empty());
  CHECK(root->ambient.empty());
  input.root = false;
  const auto user = container_capabilities(input);
  REQUIRE(user);
  CHECK(user->effective == std::vector<std::string>{"CAP_NET_ADMIN"});
  CHECK(user->ambient == user->effective);
}

TEST_CASE("ALL is added and dropped as a whole") {
  CapabilityInput input;
  input.defaults = {"CAP_CHOWN"};
  input.drop = {"all"};
  input.add = {"CAP_KILL"};
  CHECK(container_capabilities(input)->bounding == std::vector<std::string>{"CAP_KILL"});
  input.drop = {"CAP_SYS_ADMIN"};
  input.add = {"all"};
  CHECK(container_capabilities(input)->bounding.size() == known_capabilities().size() - 1);
}

TEST_CASE("unknown and contradictory capabilities are refused") {
  CapabilityInput input;
  input.add = {"CAP_NOPE"};
  CHECK(container_capabilities(input).error().message() == "unknown capability \"CAP_NOPE\"");
  input.add = input.drop = {"CAP_KILL"};
  CHECK_FALSE(container_capabilities(input));
}

TEST_CASE("made-up names are valid and never boring_wozniak") {
  for (uint64_t high = 0; high < 200; ++high) {
    for (uint64_t low = 0; low < 100; ++low) {
      const auto name = made_up_name(high << 32 | low);
      REQUIRE(name != "boring_wozniak");
      REQUIRE(check_name(name));
    }
  }
}

TEST_CASE("names that could be paths or options are refused") {
  for (const char* name : {"", "-x", ".", "..", "a/b", "a b", "_a", "a\n"}) CHECK_FALSE(check_name(name));
  for (const char* name : {"a", "A-1_b.c", "0"}) CHECK(check_name(name));
}

}  // namespace ctr::engine

#include "cli/network_args.h"

#include "tests/catch.h"

using namespace ctr;
using engine::NetworkChoice;

TEST_CASE("--network takes modes, names, lists of names and names with options", "[networks]") {
  using Mode = NetworkChoice::Mode;
  CHECK(cli::parse_networks({})->mode == Mode::private_);
  CHECK(cli::parse_networks({"none"})->mode == Mode::none);
  CHECK(cli::parse_networks({"container:x"})->value == "x");
  const auto bridge = cli::parse_networks({"bridge:ip=10.88.0.9"});
  REQUIRE(bridge);
  CHECK(bridge->mode == Mode::bridge);
  CHECK(bridge->networks[0].network == "podman");
  const auto two = cli::parse_networks({"a,b", "c:ip=10.1.0.2,ip6=fd00::2,mac=02:00:00:00:00:01,alias=x,alias=y"});
  REQUIRE(two);
  REQUIRE(two->networks.size() == 3);
  CHECK(two->networks[1].network == "b");
  CHECK(two->networks[2].ips == std::vector<std::string>{"10.1.0.2", "fd00::2"});
  CHECK(two->networks[2].aliases == std::vector<std::string>{"x", "y"});
  CHECK(two->networks[2].mac == "02:00:00:00:00:01");
  CHECK_FALSE(cli::parse_networks({"a", "host"}));
  CHECK_FALSE(cli::parse_networks({"host", "a"}));
  CHECK_FALSE(cli::parse_networks({"a:color=red"}));
  CHECK_FALSE(cli::parse_networks({"a:ip="}));
  CHECK_FALSE(cli::parse_networks({"a,"}));
}

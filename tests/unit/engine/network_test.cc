#include <sys/socket.h>

#include <algorithm>

#include "engine/network/private_network.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;
using namespace ctr::engine::network;

namespace {

runtime::HostFacts host_with_both() {
  runtime::HostFacts host;
  host.tun_usable = true;
  host.slirp4netns = "/usr/bin/slirp4netns";
  return host;
}

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

TEST_CASE("an IPv4 default route is a route to 0.0.0.0/0") {
  std::string table =
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
  CHECK_FALSE(has_default_route(table, AF_INET));
  table += "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
  CHECK(has_default_route(table, AF_INET));
}

TEST_CASE("the unreachable IPv6 route of loopback is not a way out") {
  std::string zero(32, '0');
  std::string lo = zero + " 00 " + zero + " 00 " + zero + " ffffffff 00000001 00000000 00200200       lo\n";
  CHECK_FALSE(has_default_route(lo, AF_INET6));
  CHECK(has_default_route(
      lo + zero + " 00 " + zero + " 00 fe80" + std::string(28, '0') + " 00000400 1 0 00450003     eth0\n", AF_INET6));
}

TEST_CASE("addresses of both families are parsed and printed") {
  CHECK(parse_ip_address("10.0.2.100")->to_string() == "10.0.2.100");
  CHECK(parse_ip_address("fd00::2")->to_string() == "fd00::2");
  CHECK_FALSE(parse_ip_address("10.0.2"));
  CHECK_FALSE(parse_ip_address("10.0.2.1/24"));
}

TEST_CASE("the host's loopback is out of reach unless it is asked for") {
  auto closed = plan_uplink({}, host_with_both());
  REQUIRE(closed);
  CHECK(has(uplink_arguments(*closed, 42, 3, 4), "--disable-host-loopback"));

  NetworkChoice choice;
  choice.options = {"host-loopback"};
  auto open = plan_uplink(choice, host_with_both());
  REQUIRE(open);
  CHECK_FALSE(has(uplink_arguments(*open, 42, 3, 4), "--disable-host-loopback"));
}

TEST_CASE("slirp4netns runs sandboxed, and knows its namespace by pid") {
  auto plan = plan_uplink({}, host_with_both());
  REQUIRE(plan);
  auto arguments = uplink_arguments(*plan, 42, 3, 4);
  CHECK(has(arguments, "--enable-sandbox"));
  CHECK(has(arguments, "--enable-seccomp"));
  CHECK(arguments[arguments.size() - 2] == "42");
  CHECK(arguments.back() == "eth0");
}

TEST_CASE("a host without an uplink program says what to install") {
  auto host = host_with_both();
  host.slirp4netns.clear();
  auto plan = plan_uplink({}, host);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().code() == Errc::unsupported);
  CHECK(plan.error().hint().find("apt install slirp4netns") != std::string::npos);
}

TEST_CASE("a closed /dev/net/tun is named") {
  auto host = host_with_both();
  host.tun_usable = false;
  auto plan = plan_uplink({}, host);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().code() == Errc::permission);
  CHECK(plan.error().text().find("/dev/net/tun") != std::string::npos);
}

TEST_CASE("a network plan crosses to the monitor unchanged") {
  NetworkPlan plan;
  CHECK(*network_plan_from_json(JsonReader(to_json(plan), "plan")) == plan);
  plan.uplink = UplinkPlan{.kind = UplinkKind::pasta, .program = "/usr/bin/pasta", .ipv6 = true, .host_loopback = true};
  CHECK(*network_plan_from_json(JsonReader(to_json(plan), "plan")) == plan);
}

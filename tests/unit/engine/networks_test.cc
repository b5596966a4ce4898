#include <sys/socket.h>

#include "engine/network/definition.h"
#include "engine/network/links.h"
#include "engine/plan_definition.h"
#include "engine/plan_network.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;
using namespace ctr::engine::network;

namespace {

IpPrefix prefix(std::string_view text) { return parse_prefix(text).value(); }
IpAddress address(std::string_view text) { return parse_ip_address(text).value(); }

const std::string k_id(64, 'a');

Result<NetworkDefinition> plan(const NetworkOptions& options, std::vector<NetworkDefinition> others = {},
                               std::vector<IpPrefix> routed = {}) {
  return plan_definition({options, k_id, from_unix_seconds(1'800'000'000), std::move(others), std::move(routed)});
}

std::string first_subnet(const Result<NetworkDefinition>& definition) {
  return to_string(definition.value().subnets.front().subnet);
}

}  // namespace

TEST_CASE("a subnet is read without the bits of hosts", "[networks]") {
  CHECK(to_string(prefix("10.89.3.7/24")) == "10.89.3.0/24");
  CHECK(to_string(prefix("fd00:1:2:3:4::5/64")) == "fd00:1:2:3::/64");
  CHECK(to_string(prefix("10.1.2.255/30")) == "10.1.2.252/30");
  for (const char* text : {"10.89.0.0", "10.89.0.0/33", "10.89.0/24", "fd00::/129", "10.89.0.0/", "/24", "x/1"}) {
    CHECK_FALSE(parse_prefix(text));
  }
}

TEST_CASE("subnets know what is inside of them and where they end", "[networks]") {
  CHECK(contains(prefix("10.89.0.0/24"), address("10.89.0.255")));
  CHECK_FALSE(contains(prefix("10.89.0.0/24"), address("10.89.1.0")));
  CHECK_FALSE(contains(prefix("0.0.0.0/0"), address("fd00::1")));
  CHECK(overlap(prefix("10.0.0.0/8"), prefix("10.89.0.0/24")));
  CHECK_FALSE(overlap(prefix("10.88.0.0/16"), prefix("10.89.0.0/16")));
  CHECK(last_address(prefix("10.89.0.0/22")).to_string() == "10.89.3.255");
  CHECK(first_host(prefix("10.89.0.0/24")).to_string() == "10.89.0.1");
  CHECK(next_address(address("10.89.0.255")).to_string() == "10.89.1.0");
  CHECK(next_address(address("fd00::ffff")).to_string() == "fd00::1:0");
  CHECK(is_below(address("10.89.0.9"), address("10.89.0.10")));
}

TEST_CASE("hardware addresses follow from addresses, and those for groups are refused", "[networks]") {
  CHECK(to_string(mac_of(address("10.89.0.5"))) == "02:42:0a:59:00:05");
  CHECK(to_string(parse_mac("AA:bb:cc:00:11:22").value()) == "aa:bb:cc:00:11:22");
  CHECK_FALSE(parse_mac("01:00:5e:00:00:01"));
  CHECK_FALSE(parse_mac("00:00:00:00:00:00"));
  CHECK_FALSE(parse_mac("aa:bb:cc:00:11"));
  CHECK_FALSE(parse_mac("aa:bb:cc:00:11:zz"));
}

TEST_CASE("routes of the host are read in the kernel's form", "[networks]") {
  const std::string ipv4 =
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
      "vpn0\t0000590A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
  const std::string ipv6 = "fd000000000000010000000000000000 40 " + std::string(32, '0') + " 00 " +
                           std::string(32, '0') + " 00000100 00000001 00000000 00000001     eth0\n" +
                           "00000000000000000000000000000001 80 " + std::string(32, '0') + " 00 " +
                           std::string(32, '0') + " 00000000 00000002 00000000 80200001       lo\n";
  const auto found = routed_prefixes(ipv4, ipv6);
  REQUIRE(found.size() == 2);
  CHECK(to_string(found[0]) == "10.89.0.0/24");
  CHECK(to_string(found[1]) == "fd00:0:0:1::/64");
}

TEST_CASE("a network gets a subnet that neither the host nor another network uses", "[networks]") {
  CHECK(first_subnet(plan({})) == "10.89.0.0/24");
  CHECK(first_subnet(plan({}, {}, {prefix("10.89.0.0/23")})) == "10.89.2.0/24");
  CHECK(first_subnet(plan({}, {}, {prefix("10.89.0.0/16")})) == "10.90.0.0/24");
  const auto first = plan({}).value();
  const auto second = plan({}, {first});
  CHECK(first_subnet(second) == "10.89.1.0/24");
  CHECK(second->name == "podman2");
  CHECK(second->interface_name == "podman2");
  CHECK(plan({}, {}, {prefix("10.0.0.0/8")}).error().code() == Errc::in_use);
}

TEST_CASE("IPv6 comes with a unique local subnet unless one is named", "[networks]") {
  NetworkOptions options;
  options.ipv6 = true;
  const auto both = plan(options);
  REQUIRE(both);
  REQUIRE(both->subnets.size() == 2);
  CHECK(contains(prefix("fd00::/8"), both->subnets[1].subnet.base));
  CHECK(both->subnets[1].subnet.bits == 64);
  options.ipv6 = false;
  options.subnets = {"fd00:5::/64"};
  const auto only = plan(options);
  REQUIRE(only);
  CHECK(only->subnets.size() == 1);
  CHECK(only->ipv6);
}

TEST_CASE("gateways and ranges belong to the subnets in order", "[networks]") {
  NetworkOptions options;
  options.subnets = {"10.99.0.0/24", "fd00:9::/64"};
  options.gateways = {"10.99.0.9"};
  options.ranges = {"10.99.0.128/25"};
  const auto definition = plan(options);
  REQUIRE(definition);
  const auto& subnet = definition->subnets[0];
  CHECK(subnet.gateway->to_string() == "10.99.0.9");
  CHECK(subnet.first->to_string() == "10.99.0.129");
  CHECK(subnet.last->to_string() == "10.99.0.255");
  CHECK(definition->subnets[1].gateway->to_string() == "fd00:9::1");
  options.ranges = {"10.99.0.10-10.99.0.20"};
  CHECK(plan(options)->subnets[0].last->to_string() == "10.99.0.20");
}

TEST_CASE("what no container could join is refused when it is made", "[networks]") {
  NetworkOptions good;
  good.subnets = {"10.98.0.0/24", "fd00:98::/64"};
  good.routes = {"10.1.0.0/16,10.98.0.9"};
  good.options = {{"mtu", "1280"}};
  REQUIRE(plan(good));
  const auto refused = [&](auto change) {
    auto options = good;
    change(options);
    return !plan(options);
  };
  for (const char* subnet : {"127.1.0.0/24", "224.0.0.0/24", "ff02::/64"}) {
    CHECK(refused([&](auto& options) { options.subnets.emplace_back(subnet); }));
  }
  for (const char* gateway : {"10.98.0.0", "10.98.0.255"}) {
    CHECK(refused([&](auto& options) { options.gateways = {gateway}; }));
  }
  CHECK(refused([](auto& options) { options.options["mtu"] = "1279"; }));
  CHECK(refused([](auto& options) { options.routes = {"10.1.0.0/16,10.97.0.1"}; }));
  CHECK(refused([](auto& options) { options.interface_name = "lo"; }));
}

TEST_CASE("a network without addresses has no names, and one without a driver is a bridge", "[networks]") {
  NetworkOptions options;
  options.ipam_driver = "none";
  options.driver = "";
  const auto definition = plan(options);
  REQUIRE(definition);
  CHECK(definition->driver == "bridge");
  CHECK(definition->subnets.empty());
  CHECK_FALSE(definition->dns);
}

TEST_CASE("what a network cannot be is refused in podman's words", "[networks]") {
  const auto error_of = [](const NetworkOptions& options, std::vector<NetworkDefinition> others = {}) {
    const auto planned = plan(options, std::move(others));
    return planned ? std::string("accepted") : planned.error().text();
  };
  NetworkOptions options;
  options.gateways = {"10.1.1.1"};
  CHECK(error_of(options) == "cannot set gateway or range without subnet");
  options.subnets = {"10.98.0.0/24"};
  CHECK(error_of(options) == "gateway 10.1.1.1 not in subnet 10.98.0.0/24");
  options = {};
  options.subnets = {"foo"};
  CHECK(error_of(options) == "invalid CIDR address: foo");
  options = {};
  options.name = "a/b";
  CHECK(error_of(options) == "network name a/b invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
  options.name = "bridge";
  CHECK(error_of(options) ==
        "cannot create network with name \"bridge\" because it conflicts with a valid network mode");
  options = {};
  options.options = {{"foo", "bar"}};
  CHECK(error_of(options) == "unsupported bridge network option foo");
  options = {};
  options.driver = "macvlan";
  CHECK(error_of(options) == "driver \"macvlan\" needs root on the host; rootless networks support: bridge");
  options = {};
  options.ipam_driver = "dhcp";
  CHECK(error_of(options) == "unsupported ipam driver \"dhcp\": host-local and none are there");
  options = {};
  options.options = {{"isolate", "false"}};
  CHECK(error_of(options) == "isolate=false: networks of ctr never reach each other");
  options = {};
  options.interface_name = "sixteen-letters-";
  CHECK(error_of(options) == "'sixteen-letters-' cannot be the name of an interface");
  options = {};
  options.subnets = {"10.89.0.128/25"};
  const auto first = plan({}).value();
  CHECK(error_of(options, {first}) == "subnet 10.89.0.128/25 is already used on the host or by another config");
  options = {};
  options.name = first.name;
  CHECK(error_of(options, {first}) == "network name podman1 already used: network already exists");
}

TEST_CASE("a definition is podman's JSON, and reads back as it was", "[networks]") {
  NetworkOptions options;
  options.name = "n2";
  options.subnets = {"10.99.0.0/24"};
  options.gateways = {"10.99.0.9"};
  options.ranges = {"10.99.0.128/25"};
  options.internal = true;
  options.labels = {{"a", "b"}};
  options.options = {{"mtu", "1400"}};
  options.routes = {"10.50.0.0/16,10.99.0.7,20"};
  const auto definition = plan(options);
  REQUIRE(definition);
  const auto json = network::to_json(*definition);
  CHECK(dump_json(json) == R"({"name":"n2","id":")" + k_id +
                               R"(","driver":"bridge","network_interface":"podman1","created":"2027-01-15T08:00:00Z",)"
                               R"("subnets":[{"subnet":"10.99.0.0/24","gateway":"10.99.0.9",)"
                               R"("lease_range":{"start_ip":"10.99.0.129","end_ip":"10.99.0.255"}}],)"
                               R"("routes":[{"destination":"10.50.0.0/16","gateway":"10.99.0.7","metric":20}],)"
                               R"("ipv6_enabled":false,"internal":true,"dns_enabled":true,"labels":{"a":"b"},)"
                               R"("options":{"mtu":"1400"},"ipam_options":{"driver":"host-local"}})");
  const auto again = definition_from_json(JsonReader(json, "n2.json"));
  REQUIRE(again);
  CHECK(*again == *definition);
  CHECK(again->mtu_bytes() == 1400);
  CHECK(again->metric() == 100);
  CHECK_FALSE(again->has_default_route());
}

TEST_CASE("the default network is podman's", "[networks]") {
  const auto definition = default_network();
  CHECK(definition.id == "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9");
  CHECK(to_string(definition.subnets[0].subnet) == "10.88.0.0/16");
  CHECK_FALSE(definition.dns);
  CHECK(check_definition(definition));
}

TEST_CASE("members and names survive being written, and lines of nonsense are left out", "[networks]") {
  Member member{
      .container = std::string(64, 'b'), .monitor = {.pid = 42, .start_ticks = 99}, .descriptor = 7, .inode = 5};
  const auto members = parse_members("nonsense\n" + format_members({member}) + "xyz 1 2 3 4\n");
  CHECK(members == std::vector<Member>{member});
  const MemberNames names{
      .ipv4 = address("10.89.0.2"), .ipv6 = {}, .name = "web", .aliases = {"www", "site"}, .short_id = "bbbbbbbbbbbb"};
  CHECK(format_names({names}) == "10.89.0.2 - web www,site bbbbbbbbbbbb\n");
  CHECK(parse_names("x y\n10.89.0.300 - a - b\n" + format_names({names})) == std::vector<MemberNames>{names});
}

TEST_CASE("interfaces are numbered around the names that are asked for", "[networks]") {
  std::vector<LinkPlan> links(4);
  links[1].wanted.interface_name = "eth0";
  links[2].wanted.interface_name = "lan";
  CHECK(interface_names(links) == std::vector<std::string>{"eth1", "eth0", "lan", "eth2"});
}

TEST_CASE("a plan of links crosses to the monitor", "[networks]") {
  LinksPlan plan_of_links;
  plan_of_links.net_dir = "/run/net";
  plan_of_links.state_dir = "/run/state";
  plan_of_links.container_id = std::string(64, 'c');
  plan_of_links.container_name = "web";
  plan_of_links.own_names = {"web"};
  plan_of_links.resolv_file = "/run/x/resolv.conf";
  plan_of_links.links.push_back({plan({}).value(), {"podman1", "eth3", {"10.89.0.7"}, "02:00:00:00:00:01", {"www"}}});
  const auto json = network::to_json(plan_of_links);
  CHECK(links_plan_from_json(JsonReader(json, "plan")).value() == plan_of_links);
}

TEST_CASE("the servers of a resolv.conf are replaced where they are", "[networks]") {
  CHECK(with_servers("search a b\nnameserver 10.0.2.3\nnameserver fe80::1%eth0\noptions ndots:2\n", {"10.89.0.1"}) ==
        "search a b\nnameserver 10.89.0.1\noptions ndots:2\n");
  CHECK(with_servers("search a", {"192.0.2.1", "192.0.2.2"}) ==
        "search a\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n");
}

TEST_CASE("a sysctl of an interface that the network brings is told from the others", "[networks]") {
  for (const char* name : {"net.ipv4.conf.eth0.forwarding", "net/ipv4/conf/eth0.5/forwarding",
                           "net.ipv6.neigh.eth1.base_reachable_time"}) {
    CHECK(sets_up_interface({{"kernel.shmmax", "1"}, {name, "1"}}));
  }
  for (const char* name : {"net.ipv4.conf.all.forwarding", "net.ipv4.conf.default.rp_filter", "net.ipv4.ip_forward",
                           "net.ipv4.conf.lo.forwarding", "kernel.conf.conf.eth0.x", "net.ipv4.conf"}) {
    CHECK_FALSE(sets_up_interface({{name, "1"}}));
  }
}

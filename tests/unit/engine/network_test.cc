#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "engine/network/host_resolver.h"
#include "engine/network/private_network.h"
#include "tests/catch.h"
#include "tests/temporary_dir.h"

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

TEST_CASE("name servers are addresses, of a link with its interface") {
  CHECK(name_servers("nameserver 192.0.2.53\nnameserver\tfe80::1%eth0\nnameserver host.example\nsearch fe80::2\n") ==
        std::vector<std::string>{"192.0.2.53", "fe80::1%eth0"});
}

TEST_CASE("a network plan crosses to the monitor unchanged") {
  NetworkPlan plan;
  CHECK(*network_plan_from_json(JsonReader(to_json(plan), "plan")) == plan);
  plan.uplink = UplinkPlan{};
  plan.uplink->kind = UplinkKind::pasta;
  plan.uplink->program = "/usr/bin/pasta";
  plan.uplink->ipv6 = true;
  plan.uplink->options = {true, 1500, "10.1.0.0/16", false, "eth7", "2001:db8::7"};
  plan.hosts_file = "/store/containers/x/hosts";
  plan.proxy.emplace();
  plan.proxy->resolver = ResolverPlan{.net_dir = "/run/net", .host_address = "192.0.2.7"};
  CHECK(*network_plan_from_json(JsonReader(to_json(plan), "plan")) == plan);
}

namespace {

Result<UplinkOptions> options_of(std::string uplink, std::vector<std::string> words) {
  NetworkChoice choice;
  choice.uplink = std::move(uplink);
  choice.options = std::move(words);
  return parse_uplink_options(choice);
}

std::string refusal(std::string uplink, std::string word) {
  const auto options = options_of(std::move(uplink), split(word, ','));
  REQUIRE_FALSE(options);
  return options.error().message();
}

}  // namespace

TEST_CASE("the options of slirp4netns are those of podman") {
  const auto options =
      options_of("slirp4netns", {"allow_host_loopback=true", "mtu=1500", "cidr=10.9.1.7/24", "enable_ipv6=false",
                                 "outbound_addr=eth0", "port_handler=slirp4netns"});
  REQUIRE(options);
  CHECK(options->host_loopback);
  CHECK(options->mtu_bytes == 1500U);
  CHECK(options->ipv6 == false);
  CHECK(uplink_addresses(*options) == UplinkAddresses{"10.9.1.100", "10.9.1.2", "10.9.1.3", 24});
  CHECK(uplink_addresses({}) == UplinkAddresses{"10.0.2.100", "10.0.2.2", "10.0.2.3", 24});

  UplinkPlan plan;
  plan.options = *options;
  const auto arguments = uplink_arguments(plan, 1, 3, 4);
  for (const char* word : {"--mtu=1500", "--cidr=10.9.1.7/24", "--outbound-addr=eth0"}) CHECK(has(arguments, word));
  for (const char* word : {"--disable-host-loopback", "--enable-ipv6"}) CHECK_FALSE(has(arguments, word));
}

TEST_CASE("an option that an uplink does not have, or not so, is refused by name") {
  CHECK(refusal("slirp4netns", "foo=1") == "unknown option for slirp4netns: \"foo=1\"");
  CHECK(refusal("slirp4netns", "mtu") == "unknown option for slirp4netns: \"mtu\"");
  CHECK(refusal("slirp4netns", "mtu=x") == "invalid mtu \"x\"");
  CHECK(refusal("slirp4netns", "mtu=65522") == "invalid mtu \"65522\"");
  CHECK(refusal("slirp4netns", "cidr=10.0.0.0/30") == "invalid cidr \"10.0.0.0/30\"");
  CHECK(refusal("slirp4netns", "cidr=fd00::/64") == "invalid cidr \"fd00::/64\"");
  CHECK(refusal("slirp4netns", "outbound_addr=fd00::1") == "invalid outbound_addr \"fd00::1\"");
  CHECK(refusal("slirp4netns", "outbound_addr=--help/x") == "invalid outbound_addr \"--help/x\"");
  CHECK(refusal("slirp4netns", "port_handler=rootlesskit").find("'port_handler=rootlesskit'") != std::string::npos);
  CHECK(refusal("slirp4netns", "enable_ipv6=false,outbound_addr6=eth0").find("enable_ipv6") != std::string::npos);
  CHECK(refusal("pasta", "-t,80").find("'-t'") != std::string::npos);
  CHECK(refusal("pasta", "-a,10.0.0.1").find("'-a'") != std::string::npos);
  CHECK(refusal("pasta", "--mtu").find("needs a value") != std::string::npos);
  CHECK(refusal("", "mtu=1500").find("not an option of the private network") != std::string::npos);
}

TEST_CASE("the options of pasta that mean something for a private network are taken") {
  const auto options = options_of("pasta", {"--map-gw", "-m", "1500", "-4", "--outbound=192.0.2.9", "-t", "none"});
  REQUIRE(options);
  UplinkPlan plan;
  plan.kind = UplinkKind::pasta;
  plan.options = *options;
  const auto arguments = uplink_arguments(plan, 7, 3, 4);
  for (const char* word : {"--map-host-loopback", "1500", "-4", "--outbound", "192.0.2.9", "/proc/7/ns/net"}) {
    CHECK(has(arguments, word));
  }
  for (const char* word : {"--no-map-gw", "fd00::100"}) CHECK_FALSE(has(arguments, word));
}

TEST_CASE("the name servers of the host are followed as the file changes, also behind a link") {
  const test::TemporaryDir dir;
  const auto etc = dir.path() + "/etc";
  const auto run = dir.path() + "/run";
  for (const auto& path : {etc, run}) REQUIRE(Dir::open_or_make(path, 0755));
  const auto etc_dir = Dir::open(etc).value();
  const auto run_dir = Dir::open(run).value();
  REQUIRE(run_dir.write_file("stub", "search x\nnameserver 192.0.2.1\nnameserver\nnameserver fd00::1\n", Sync::no));
  REQUIRE(etc_dir.make_symlink("../run/stub", "resolv.conf"));
  HostResolver host(etc + "/resolv.conf");
  using Servers = std::vector<std::string>;
  CHECK(host.servers() == Servers{"192.0.2.1", "fd00::1"});
  const auto heard = [&] {
    pollfd entry{.fd = host.fd(), .events = POLLIN, .revents = 0};
    return ::poll(&entry, 1, 1000) == 1;
  };
  REQUIRE(run_dir.write_file("stub", "nameserver 192.0.2.2\n", Sync::no));
  CHECK(heard());
  CHECK(host.look());
  CHECK(host.servers() == Servers{"192.0.2.2"});
  REQUIRE(etc_dir.write_file("resolv.conf", "nameserver 192.0.2.3", Sync::no));
  CHECK(heard());
  CHECK(host.look());
  CHECK(host.servers() == Servers{"192.0.2.3"});
  CHECK_FALSE(host.look());
  REQUIRE(etc_dir.remove_file("resolv.conf"));
  CHECK(heard());
  CHECK(host.look());
  CHECK(host.servers().empty());
}

TEST_CASE("an uplink that complains without end goes on all the same") {
  const test::TemporaryDir dir;
  const auto folder = Dir::open(dir.path()).value();
  REQUIRE(folder.write_file("slirp4netns", "#!/bin/sh\nhead -c 1000000 /dev/zero >&2\necho >&4\nexec sleep 100\n",
                            Sync::no, 0700));
  UplinkPlan plan;
  plan.program = dir.path() + "/slirp4netns";
  auto uplink = Uplink::start(plan, ::getpid());
  REQUIRE(uplink);
  Netlink none{Fd()};
  CHECK(uplink->wait_ready(none));
}

TEST_CASE("an address that the uplink has itself is nobody else's in a container") {
  for (const char* text : {"10.0.2.2", "10.0.2.3", "fd00::2", "fd00::3"}) {
    CHECK(is_of_uplink(parse_ip_address(text).value()));
  }
  for (const char* text : {"10.0.2.15", "192.0.2.2", "fd00::57"}) {
    CHECK_FALSE(is_of_uplink(parse_ip_address(text).value()));
  }
}

TEST_CASE("the name servers of the host are heard of when the folder that they are in is made later") {
  const test::TemporaryDir dir;
  const auto top = Dir::open(dir.path()).value();
  const auto etc = top.open_or_make_dir("etc", 0755).value();
  REQUIRE(etc.make_symlink("../run/resolve/first", "resolv.conf"));
  HostResolver host(dir.path() + "/etc/resolv.conf");
  CHECK(host.servers().empty());
  // As a service manager makes it, a service in it, and a link of that.
  const auto run = top.open_or_make_dir("run", 0755).value();
  (void)host.look();
  const auto resolve = run.open_or_make_dir("resolve", 0755).value();
  (void)host.look();
  REQUIRE(resolve.make_symlink("second", "first"));
  (void)host.look();
  REQUIRE(resolve.write_file("second", "nameserver 192.0.2.7\n", Sync::no));
  pollfd entry{.fd = host.fd(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&entry, 1, 1000) == 1);
  CHECK(host.look());
  CHECK(host.servers() == std::vector<std::string>{"192.0.2.7"});
}

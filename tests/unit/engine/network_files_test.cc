// /etc/resolv.conf and /etc/hosts of containers, by network.
#include "engine/network_files.h"

#include "engine/network/definition.h"
#include "engine/network/prefix.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;
using Mode = NetworkChoice::Mode;
using Networks = std::vector<network::NetworkDefinition>;

namespace {

const HostNetwork k_host = {"search example.org\nnameserver 192.0.2.53\nnameserver 127.0.0.53\noptions edns0\n",
                            "192.0.2.7", false};

ContainerSpec with(Mode mode, std::vector<std::string> options = {}) {
  ContainerSpec spec;
  spec.network.mode = mode;
  spec.network.options = std::move(options);
  return spec;
}

network::NetworkDefinition user_network(bool dns, bool internal) {
  network::NetworkDefinition network;
  network.dns = dns;
  network.internal = internal;
  network.subnets.push_back({*network::parse_prefix("10.89.0.0/24"), *network::parse_ip_address("10.89.0.1"), {}, {}});
  return network;
}

std::string resolv(const ContainerSpec& spec, const HostNetwork& host = k_host, const Networks& networks = {}) {
  return resolv_conf_file(resolv_input(spec, {}, host, networks));
}

std::string host_of(const ContainerSpec& spec, const HostNetwork& host = k_host, const Networks& networks = {}) {
  return host_address_for(spec, {}, host, networks);
}

}  // namespace

TEST_CASE("resolv.conf of each network", "[network files]") {
  const std::string rest = "options edns0\n";
  CHECK(resolv(with(Mode::private_)) == "search example.org\nnameserver 10.0.2.3\n" + rest);
  CHECK(resolv(with(Mode::host)) == "search example.org\nnameserver 192.0.2.53\nnameserver 127.0.0.53\n" + rest);
  CHECK(resolv(with(Mode::path)) == "search example.org\nnameserver 192.0.2.53\n" + rest);
  auto slirp = with(Mode::private_, {"cidr=10.9.0.0/24"});
  slirp.network.uplink = "slirp4netns";
  CHECK(resolv(slirp) == "search example.org\nnameserver 10.9.0.3\n" + rest);
  CHECK_FALSE(has_resolv_conf(with(Mode::none)));
  CHECK(has_resolv_conf(with(Mode::host)));
}

TEST_CASE("resolv.conf of user networks names their resolver, which knows other servers", "[network files]") {
  auto spec = with(Mode::bridge);
  CHECK(resolv(spec, k_host, {user_network(true, false)}) ==
        "search ctr.internal example.org\nnameserver 10.89.0.1\noptions edns0\n");
  spec.dns_servers = {"192.0.2.9"};
  spec.dns_search = {"."};
  CHECK(resolv(spec, k_host, {user_network(true, false)}) == "nameserver 10.89.0.1\noptions edns0\n");
  CHECK(resolv(spec, k_host, {user_network(false, false)}) == "nameserver 192.0.2.9\noptions edns0\n");
  CHECK(resolv(with(Mode::bridge), k_host, {user_network(false, false), user_network(true, true)}) ==
        "search ctr.internal example.org\nnameserver 10.89.0.1\noptions edns0\n");
  CHECK(resolv(with(Mode::bridge), k_host, {user_network(false, false)}) ==
        "search example.org\nnameserver 10.0.2.3\noptions edns0\n");
}

TEST_CASE("a host whose servers have IPv6 addresses is asked over IPv6", "[network files]") {
  HostNetwork host = {"nameserver fd00:1::1\n", "", true};
  CHECK(resolv(with(Mode::private_), host) == "nameserver fd00::3\nnameserver 10.0.2.3\n");
  host.resolv_conf += "nameserver 192.0.2.1\n";
  CHECK(resolv(with(Mode::private_), host) == "nameserver 10.0.2.3\nnameserver fd00::3\n");
  host.ipv6 = false;
  CHECK(resolv(with(Mode::private_), host) == "nameserver 10.0.2.3\n");
}

TEST_CASE("the host has an address in every network that leads to it", "[network files]") {
  const HostNetwork alone;
  CHECK(host_of(with(Mode::private_)) == "192.0.2.7");
  CHECK(host_of(with(Mode::private_), alone).empty());
  CHECK(host_of(with(Mode::private_, {"host-loopback"}), alone) == "10.0.2.2");
  CHECK(host_of(with(Mode::host), alone) == "127.0.0.1");
  CHECK(host_of(with(Mode::none)).empty());
  CHECK(host_of(with(Mode::bridge), k_host, {user_network(true, false)}) == "192.0.2.7");
  CHECK(host_of(with(Mode::bridge), k_host, {user_network(true, true)}).empty());
  Config config;
  config.host_containers_internal_ip = "192.0.2.99";
  CHECK(host_address_for(with(Mode::none), config, k_host, {}) == "192.0.2.99");
}

TEST_CASE("the container's own names stand for its address", "[network files]") {
  CHECK(own_address(with(Mode::private_)) == "10.0.2.100");
  CHECK(own_address(with(Mode::none)) == "127.0.0.1");
  CHECK(own_address(with(Mode::host)) == "127.0.1.1");
  CHECK(own_address(with(Mode::bridge)).empty());
}

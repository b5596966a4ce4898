#include <sys/socket.h>
#include <unistd.h>

#include "engine/network/host_sockets.h"
#include "engine/network/port_holder.h"
#include "engine/network/proxy/descriptors.h"
#include "engine/network/proxy/endpoint.h"
#include "engine/network/proxy/sandbox.h"
#include "engine/ports.h"
#include "runtime/seccomp.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;
using namespace ctr::engine::network;

namespace {

IpAddress ip(std::string_view text) { return parse_ip_address(text).value(); }

ProxyAddresses four_only() { return {ip("10.0.2.100"), {}, ip("10.0.2.2"), {}}; }
ProxyAddresses both() { return {ip("10.0.2.100"), ip("fd00::100"), ip("10.0.2.2"), ip("fd00::2")}; }

std::string source_of(std::string_view client, const ProxyAddresses& addresses) {
  const auto passage = plan_passage({ip(client), 4711}, 80, addresses);
  if (!passage) return "";
  CHECK(passage->source.port == 4711);
  CHECK(passage->target.port == 80);
  return passage->source.ip.to_string() + " " + passage->target.ip.to_string();
}

constexpr std::string_view k_table =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0\n"
    "   1: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n"
    "   2: 0100007F:1F92 0100007F:C000 01 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0 100 0 0 10 0\n"
    "  garbage\n";

}  // namespace

TEST_CASE("a client appears with its own address", "[ports]") {
  CHECK(source_of("192.0.2.7", both()) == "192.0.2.7 10.0.2.100");
  CHECK(source_of("2001:db8::7", both()) == "2001:db8::7 fd00::100");
}

TEST_CASE("a client whose address means nothing in there appears as the gateway", "[ports]") {
  CHECK(source_of("127.0.0.1", both()) == "10.0.2.2 10.0.2.100");
  CHECK(source_of("::1", both()) == "fd00::2 fd00::100");
  CHECK(source_of("fe80::1", both()) == "fd00::2 fd00::100");
  CHECK(source_of("10.0.2.100", both()) == "10.0.2.2 10.0.2.100");
  CHECK(source_of("2001:db8::7", four_only()) == "10.0.2.2 10.0.2.100");
}

TEST_CASE("nobody has the address of many or none", "[ports]") {
  for (const auto* text : {"0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"}) {
    CHECK(source_of(text, both()).empty());
  }
  CHECK(source_of("192.0.2.7", {}).empty());
}

TEST_CASE("addresses survive the form of the system calls", "[ports]") {
  for (const auto* text : {"192.0.2.7", "2001:db8::7"}) {
    const Endpoint endpoint = {ip(text), 80};
    CHECK(from_socket_address(to_socket_address(endpoint)) == endpoint);
  }
  CHECK(from_socket_address(to_socket_address({ip("::ffff:192.0.2.7"), 80})) == Endpoint{ip("192.0.2.7"), 80});
}

TEST_CASE("who has a port is read from the kernel's table", "[ports]") {
  const auto owner = [](const char* address, uint16_t port) {
    return find_socket(k_table, {PortProtocol::tcp, address, port, 80});
  };
  CHECK(owner("", 8080) == SocketOwner{4711, 1000});
  CHECK(owner("127.0.0.1", 8080) == SocketOwner{4711, 1000});
  CHECK(owner("0.0.0.0", 8080) == SocketOwner{4711, 1000});
  CHECK_FALSE(owner("127.0.0.2", 8080));
  CHECK(owner("127.0.0.2", 8081) == SocketOwner{4712, 0});
  CHECK_FALSE(owner("", 8082));  // a connection keeps nobody from listening
  CHECK_FALSE(find_socket(k_table, {PortProtocol::udp, "", 8080, 80}));
}

TEST_CASE("a socket that was passed fits the port with its address", "[ports]") {
  PassedSocket socket = {PortProtocol::tcp, ip("::"), 8080, true, 3};
  CHECK(fits(socket, {PortProtocol::tcp, "", 8080, 80}));
  CHECK_FALSE(fits(socket, {PortProtocol::udp, "", 8080, 80}));
  CHECK_FALSE(fits(socket, {PortProtocol::tcp, "", 8081, 80}));
  CHECK_FALSE(fits(socket, {PortProtocol::tcp, "127.0.0.1", 8080, 80}));
  socket.address = ip("127.0.0.1");
  CHECK(fits(socket, {PortProtocol::tcp, "127.0.0.1", 8080, 80}));
  CHECK_FALSE(fits(socket, {PortProtocol::tcp, "", 8080, 80}));
}

TEST_CASE("sockets are passed to the process that LISTEN_PID names", "[ports]") {
  CHECK(find_passed_sockets({{"LISTEN_FDS", "1"}, {"LISTEN_PID", "1"}}, ::getpid()).empty());
  CHECK(find_passed_sockets({{"LISTEN_FDS", "x"}, {"LISTEN_PID", std::to_string(::getpid())}}, ::getpid()).empty());
}

TEST_CASE("a port that is taken names its holder, and one that is chosen is filled in", "[ports]") {
  std::vector<PublishedPort> ports = {{PortProtocol::tcp, "127.0.0.1", 0, 80}, {PortProtocol::udp, "127.0.0.1", 0, 80}};
  const auto sockets = bind_ports(ports, {}, {});
  REQUIRE(sockets);
  CHECK(sockets->size() == 2);
  for (auto port : ports) {
    CHECK(port.host_port != 0);
    std::vector again = {port};
    const auto refused = bind_ports(again, {}, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == Errc::in_use);
    const auto text = refused.error().text();
    CHECK(text.find("cannot publish 127.0.0.1:" + std::to_string(port.host_port) + "/" +
                    std::string(protocol_name(port.protocol)) + ": address already in use (by pid " +
                    std::to_string(::getpid()) + " ") == 0);
  }
}

TEST_CASE("-P publishes what is exposed and not published yet", "[ports]") {
  ContainerSpec spec;
  spec.ports = {{"", 8080, 80, 1, "tcp"}};
  spec.exposed_ports = {{80, 2, "tcp"}};
  publish_exposed(spec, {"53/udp"});
  CHECK(spec.ports.size() == 1);
  spec.publish_all_ports = true;
  publish_exposed(spec, {"53/udp", "80/tcp", "nonsense"});
  publish_exposed(spec, {"53/udp"});
  const std::vector<PortMapping> wanted = {{"", 8080, 80, 1, "tcp"}, {"", 0, 81, 1, "tcp"}, {"", 0, 53, 1, "udp"}};
  CHECK(spec.ports == wanted);
}

TEST_CASE("ranges become single ports and neighbours ranges again", "[ports]") {
  const std::vector<PortMapping> mappings = {{"", 8000, 80, 3, "tcp"}, {"::1", 53, 53, 1, "udp"}};
  const auto ports = single_ports(mappings);
  CHECK(ports.size() == 4);
  CHECK(ports[2] == PublishedPort{PortProtocol::tcp, "", 8002, 82});
  CHECK(mappings_of(ports) == mappings);
}

TEST_CASE("what netproxy is to do crosses as JSON", "[ports]") {
  ProxyPlan plan;
  plan.ports = {{PortProtocol::tcp, "127.0.0.1", 8080, 80}, {PortProtocol::udp, "", 53, 53}};
  const auto json = to_json(plan);
  CHECK(proxy_plan_from_json(JsonReader(json, "plan")).value() == plan);
  const auto addresses = to_json(both());
  CHECK(proxy_addresses_from_json(JsonReader(addresses, "addresses")).value() == both());
  const auto bad =
      Json::object().set("protocol", "tcp").set("host_ip", "").set("host_port", 65536).set("container_port", 1);
  CHECK_FALSE(published_port_from_json(JsonReader(bad, "port")));
}

TEST_CASE("descriptors are divided so that all who need some have them", "[ports]") {
  const auto ample = share_descriptors(1 << 19, 90);
  CHECK(ample.clients == 4096);
  CHECK(ample.connections == 65536);
  for (const size_t limit : {size_t{128}, size_t{256}, size_t{1024}, size_t{4096}}) {
    const auto shares = share_descriptors(limit, 50);
    CHECK(shares.clients >= 8);
    CHECK(shares.connections >= shares.clients);
    CHECK(shares.clients + shares.connections + 50 < limit);
  }
  CHECK(share_descriptors(16, 50).connections == 8);
}

TEST_CASE("the filter of netproxy knows every call it names and opens no files", "[ports]") {
  const auto filter = runtime::compile_seccomp(proxy_filter(ProxyFiles::none));
  REQUIRE(filter);
  const auto text = dump_json(proxy_filter(ProxyFiles::none));
  for (const auto* call : {"\"open\"", "\"openat\"", "\"execve\"", "\"clone\"", "\"ptrace\"", "\"kill\""}) {
    CHECK(text.find(call) == std::string::npos);
  }
}

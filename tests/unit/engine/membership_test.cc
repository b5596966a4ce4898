#include "engine/network/membership.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "engine/network/links.h"
#include "engine/plan_definition.h"
#include "runtime/network_namespace.h"
#include "tests/catch.h"
#include "tests/unit/runtime/scratch.h"

using namespace ctr;
using namespace ctr::engine;
using namespace ctr::engine::network;

namespace {

// Stands for a container: a network namespace that nobody runs in.
struct Place {
  explicit Place(char digit)
      : id(64, digit), door(runtime::make_network_namespace({}).value()), inside(std::move(door.netlink)) {}
  NetworkUser user(const std::string& net_dir) const {
    return {.net_dir = net_dir, .container_id = id, .container_name = id.substr(0, 1), .namespace_fd = door.file.get()};
  }
  std::string id;
  runtime::NetworkNamespace door;
  Netlink inside;
};

NetworkDefinition definition() {
  NetworkOptions options;
  options.name = "net";
  options.ipv6 = true;
  options.subnets = {"10.99.0.0/29", "fd00:99::/64"};
  return plan_definition({options, std::string(64, 'f'), now(), {}, {}}).value();
}

LinkPlan plan(std::vector<std::string> ips = {}) {
  LinkPlan plan{definition(), {}};
  plan.wanted.network = "net";
  plan.wanted.ips = std::move(ips);
  return plan;
}

std::string first_address(const Membership& membership) {
  return membership.state().addresses.front().address.to_string();
}

}  // namespace

TEST_CASE("members share a namespace that lasts as long as one of them has it", "[networks]") {
  const Scratch scratch;
  Place a('a');
  Place b('b');
  auto first = Membership::join(a.user(scratch.path()), plan(), "eth0", a.inside);
  REQUIRE(first);
  CHECK(first_address(*first) == "10.99.0.2");
  CHECK(first->state().addresses[1].address.to_string() == "fd00:99::2");
  CHECK(to_string(first->state().mac) == "02:42:0a:63:00:02");
  CHECK(a.inside.link_index("eth0"));
  auto second = Membership::join(b.user(scratch.path()), plan(), "eth0", b.inside);
  REQUIRE(second);
  CHECK(first_address(*second) == "10.99.0.3");
  {
    const auto files = MemberFiles::open(scratch.path(), "net");
    REQUIRE(files);
    REQUIRE(files->members().size() == 2);
    CHECK(files->members()[0].inode == files->members()[1].inode);
    CHECK(files->open_hub().valid());
    CHECK(files->names()[1].name == "b");
  }
  CHECK(live_members(scratch.path(), "net") == std::vector<std::string>{"a", "b"});
  CHECK(first->leave(a.user(scratch.path()), Membership::Cable::removed));
  CHECK(second->leave(b.user(scratch.path()), Membership::Cable::removed));
  CHECK_FALSE(b.inside.link_index("eth0"));
  CHECK(live_members(scratch.path(), "net").empty());
  CHECK_FALSE(MemberFiles::open(scratch.path(), "net")->open_hub().valid());
}

TEST_CASE("an address belongs to one member, and to the next when that is gone", "[networks]") {
  const Scratch scratch;
  Place a('a');
  Place b('b');
  auto first = std::optional(Membership::join(a.user(scratch.path()), plan({"10.99.0.5"}), "eth0", a.inside).value());
  const auto refused = Membership::join(b.user(scratch.path()), plan({"10.99.0.5"}), "eth0", b.inside);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::in_use);
  CHECK(refused.error().message() == "10.99.0.5 is already used by \"a\" on network \"net\"");
  CHECK_FALSE(Membership::join(b.user(scratch.path()), plan({"10.99.0.1"}), "eth0", b.inside));
  CHECK_FALSE(Membership::join(b.user(scratch.path()), plan({"10.1.1.1"}), "eth0", b.inside));
  // As when its monitor is killed: nothing is said, the locks are gone.
  first.reset();
  const auto second = Membership::join(b.user(scratch.path()), plan({"10.99.0.5"}), "eth0", b.inside);
  REQUIRE(second);
  CHECK(first_address(*second) == "10.99.0.5");
}

TEST_CASE("a network without a free address says so", "[networks]") {
  const Scratch scratch;
  std::vector<Place> places;
  std::vector<Membership> members;
  // Of eight addresses three are the network's own.
  for (const char digit : {'1', '2', '3', '4', '5'}) {
    places.emplace_back(digit);
    auto& place = places.back();
    members.push_back(Membership::join(place.user(scratch.path()), plan(), "eth0", place.inside).value());
  }
  Place last('6');
  const auto refused = Membership::join(last.user(scratch.path()), plan(), "eth0", last.inside);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message() == "all addresses of 10.99.0.0/29 are taken on network \"net\"");
}

TEST_CASE("an address that was given back is given again only when there is no fresh one", "[networks]") {
  const Scratch scratch;
  Place a('a');
  for (const char* expected : {"10.99.0.2", "10.99.0.3", "10.99.0.4", "10.99.0.5", "10.99.0.6", "10.99.0.2"}) {
    auto member = Membership::join(a.user(scratch.path()), plan(), "eth0", a.inside).value();
    CHECK(first_address(member) == expected);
    // The hub ends here, since nobody else is in it, and the cable with it.
    CHECK(member.leave(a.user(scratch.path()), Membership::Cable::removed));
  }
}

TEST_CASE("leases that nobody holds any more do not pile up, and those that are held stay", "[networks]") {
  const Scratch scratch;
  Place a('a');
  Place b('b');
  const auto first = Membership::join(a.user(scratch.path()), plan(), "eth0", a.inside);
  REQUIRE(first);
  const auto leases = MemberFiles::open(scratch.path(), "net")->leases().value();
  for (int i = 0; i < 1100; ++i) REQUIRE(leases.write_file("fd00:99::1:" + std::to_string(i), "", Sync::no));
  const auto second = Membership::join(b.user(scratch.path()), plan(), "eth0", b.inside);
  REQUIRE(second);
  CHECK(leases.list()->size() == 4);
  CHECK_FALSE(Membership::join(b.user(scratch.path()), plan({first_address(*first)}), "eth0", b.inside));
}

TEST_CASE("what is left of one that had the address gives way", "[networks]") {
  const Scratch scratch;
  Place a('a');
  Place b('b');
  Place c('c');
  const auto other = Membership::join(c.user(scratch.path()), plan(), "eth0", c.inside).value();
  auto first = Membership::join(a.user(scratch.path()), plan({"10.99.0.5"}), "eth0", a.inside).value();
  CHECK(first.leave(a.user(scratch.path()), Membership::Cable::left));
  CHECK(a.inside.link_index("eth0"));
  CHECK(Membership::join(b.user(scratch.path()), plan({"10.99.0.5"}), "eth0", b.inside));
  CHECK_FALSE(a.inside.link_index("eth0"));
}

TEST_CASE("what is taken away inside is put back", "[networks]") {
  const Scratch scratch;
  Place a('a');
  auto member = Membership::join(a.user(scratch.path()), plan(), "lan", a.inside).value();
  REQUIRE(a.inside.remove_link(a.inside.link_index("lan").value()));
  REQUIRE(member.repair(a.user(scratch.path()), a.inside));
  CHECK(a.inside.link_index("lan"));
}

TEST_CASE("every member has sockets at the gateway for the names of the network", "[networks]") {
  const Scratch scratch;
  Place a('a');
  Place b('b');
  const auto first = Membership::join(a.user(scratch.path()), plan(), "eth0", a.inside).value();
  const auto second = Membership::join(b.user(scratch.path()), plan(), "eth0", b.inside).value();
  const auto service = second.name_service();
  REQUIRE(service);
  CHECK(service->gateway.to_string() == "10.99.0.1");
  CHECK(service->names_file == scratch.path() + "/net/names");
  CHECK(service->udp >= 0);
  CHECK(service->tcp >= 0);
}

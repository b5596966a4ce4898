#include "runtime/idmap.h"

#include "runtime/host_facts.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

const std::vector<SubidRange> k_subids = {{.first = 100000, .count = 65536}};

}  // namespace

TEST_CASE("the rootless map has the user as 0 and the subordinate ids behind") {
  const IdMap map = rootless_map(1000, 1001, k_subids, {{.first = 200000, .count = 10}, {.first = 300000, .count = 5}});
  CHECK(format_ranges(map.uids) == "0:1000:1,1:100000:65536");
  CHECK(format_ranges(map.gids) == "0:1001:1,1:200000:10,11:300000:5");
  CHECK(map.last_gid_without_gap() == 15);
  CHECK(check_map(map));
}

TEST_CASE("overlapping entries of /etc/subuid are used once") {
  const IdMap map =
      rootless_map(1000, 1000, {{.first = 100000, .count = 100}, {.first = 100050, .count = 100}}, k_subids);
  CHECK(format_ranges(map.uids) == "0:1000:1,1:100000:100");
}

TEST_CASE("without subordinate ids only the user exists") {
  CHECK(rootless_map(1000, 1000, {}, k_subids) == single_id_map(1000, 1000));
  CHECK(single_id_map(1000, 1000).is_single());
  CHECK(single_id_map(1000, 1000).last_gid_without_gap() == 0);
}

TEST_CASE("ids are found in both directions") {
  const IdMap map = rootless_map(1000, 1000, k_subids, k_subids);
  CHECK(to_outside(map.uids, 0) == 1000U);
  CHECK(to_outside(map.uids, 1) == 100000U);
  CHECK(to_outside(map.uids, 65536) == 165535U);
  CHECK_FALSE(to_outside(map.uids, 65537));
  CHECK(to_inside(map.uids, 1000) == 0U);
  CHECK(to_inside(map.uids, 100009) == 10U);
  CHECK_FALSE(to_inside(map.uids, 0));
}

TEST_CASE("keep-id puts the user at its own number and everybody else around") {
  const IdMap outer = rootless_map(1000, 1000, k_subids, k_subids);
  const IdMap map = keep_id_map(outer, 1000, 5);
  CHECK(format_ranges(map.uids) == "0:100000:1000,1000:1000:1,1001:101000:64536");
  CHECK(format_ranges(map.gids) == "0:100000:5,5:1000:1,6:100005:65531");
  const auto nested = nest_map(map, outer);
  REQUIRE(nested);
  CHECK(format_ranges(nested->uids, ':') == "0:1:1000:1000:0:1:1001:1001:64536");
}

TEST_CASE("keep-id with a number above all ids leaves a gap, with one id keeps one") {
  const IdMap outer = rootless_map(1000, 1000, {{.first = 100000, .count = 10}}, {{.first = 100000, .count = 10}});
  CHECK(format_ranges(keep_id_map(outer, 5000, 0).uids) == "0:100000:10,5000:1000:1");
  CHECK(format_ranges(keep_id_map(single_id_map(1000, 1000), 1000, 1000).uids) == "1000:1000:1");
}

TEST_CASE("a map with ids that are not the user's is refused") {
  const IdMap outer = rootless_map(1000, 1000, k_subids, k_subids);
  const auto nested = nest_map(single_id_map(1234, 1000), outer);
  REQUIRE_FALSE(nested);
  CHECK(nested.error().code() == Errc::invalid);
  CHECK(nested.error().text() == "uid map: id 1234 is not among the ids of this user (0:1000:1,1:100000:65536)");
}

TEST_CASE("empty, overlapping and too large ranges are refused by name") {
  const auto refused = [](std::vector<IdRange> ranges) {
    const auto checked = check_map({.uids = std::move(ranges), .gids = {{0, 0, 1}}});
    return checked ? std::string() : checked.error().text();
  };
  CHECK(refused({}) == "the uid map of the user namespace is empty");
  CHECK(refused({{0, 1000, 0}}) == "uid map '0:1000:0' is empty or passes 4294967294");
  CHECK(refused({{0, 4294967295U, 1}}) == "uid map '0:4294967295:1' is empty or passes 4294967294");
  CHECK(refused({{0, 1000, 10}, {5, 5000, 10}}) == "uid maps '0:1000:10' and '5:5000:10' overlap");
  CHECK(refused({{0, 1000, 10}, {50, 1009, 10}}) == "uid maps '0:1000:10' and '50:1009:10' overlap");
}

TEST_CASE("maps are written directly only by root and for the own single id") {
  HostFacts host;
  host.uid = host.gid = 1000;
  CHECK(map_writer(single_id_map(1000, 1000), host) == MapWriter::direct);
  CHECK(map_writer(single_id_map(100000, 1000), host) == MapWriter::programs);
  CHECK(map_writer(rootless_map(1000, 1000, k_subids, k_subids), host) == MapWriter::programs);
  host.uid = 0;
  CHECK(map_writer(rootless_map(1000, 1000, k_subids, k_subids), host) == MapWriter::direct);
}

TEST_CASE("a user without ranges or without newuidmap gets a notice") {
  HostFacts host;
  host.uid = host.gid = 1000;
  host.user = "jo";
  CHECK(host.default_map().is_single());
  CHECK(host.single_id_notice() ==
        "user 'jo' has no ranges in /etc/subuid and /etc/subgid: only one user exists in containers");
  host.subuids = host.subgids = k_subids;
  CHECK(host.default_map().is_single());
  CHECK(host.single_id_notice() == "newuidmap and newgidmap are not installed: only one user exists in containers");
  host.newuidmap = host.newgidmap = "/usr/bin/x";
  CHECK_FALSE(host.default_map().is_single());
  CHECK(host.single_id_notice().empty());
}

TEST_CASE("host facts survive the way to the monitor") {
  const auto facts = probe_host_facts({{"PATH", "/usr/bin"}});
  REQUIRE(facts);
  const Json json = to_json(*facts);
  const auto back = host_facts_from_json(JsonReader(json, "host"));
  REQUIRE(back);
  CHECK(*back == *facts);
}

#include "engine/id_maps.h"

#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;
using runtime::IdMap;

namespace {

// 0 is the user 1000, 1 to 65536 are 100000 and up.
IdMap available() { return runtime::rootless_map(1000, 1000, {{100000, 65536}}, {{100000, 65536}}); }

UsernsChoice asked(std::vector<std::string> users, std::vector<std::string> groups = {}) {
  UsernsChoice choice;
  choice.mode = UsernsChoice::Mode::explicit_;
  choice.uid_maps = std::move(users);
  choice.gid_maps = std::move(groups);
  return choice;
}

std::string text(const Result<IdMap>& map) {
  if (!map) return "ERROR " + map.error().text();
  const auto users = runtime::format_ranges(map->uids);
  const auto groups = runtime::format_ranges(map->gids);
  return users == groups ? users : users + " and " + groups;
}

std::string mapped(std::vector<std::string> users, std::vector<std::string> groups = {}) {
  return text(explicit_map(asked(std::move(users), std::move(groups)), available()));
}

std::string automatic(const UsernsChoice& choice, const std::vector<IdMap>& taken, uint32_t size) {
  const auto own = available();
  return text(automatic_map({choice, own, taken, size}));
}

}  // namespace

TEST_CASE("a map counts the ids of the user's own namespace", "[id_maps]") {
  CHECK(mapped({"0:1:1000"}) == "0:100000:1000");
  CHECK(mapped({"0:0:2"}) == "0:1000:1,1:100000:1");
  CHECK(mapped({"0:1:5", "1000:0"}) == "0:100000:5,1000:1000:1");
  CHECK(mapped({"0:1:5:10:20:3"}) == "0:100000:5,10:100019:3");
}

TEST_CASE("an id of the host is looked up", "[id_maps]") {
  CHECK(mapped({"0:@100000:10"}) == "0:100000:10");
  CHECK(mapped({"0:1:10", "50:@1000"}) == "0:100000:10,50:1000:1");
  CHECK(mapped({"0:@5000:1"}) ==
        "ERROR --uidmap: uid 5000 is not among those of this user: 1000, 100000-165535 of the host");
}

TEST_CASE("one of the two maps counts for both, but for entries of one kind", "[id_maps]") {
  CHECK(mapped({"0:1:10"}, {"0:2:5"}) == "0:100000:10 and 0:100001:5");
  CHECK(mapped({}, {"0:1:10", "g2000:20:1"}) == "0:100000:10 and 0:100000:10,2000:100019:1");
  CHECK(mapped({"0:1:10", "u50:50:1", "ug60:60:1"}) ==
        "0:100000:10,50:100049:1,60:100059:1 and 0:100000:10,60:100059:1");
}

TEST_CASE("entries with a plus take ids away from those before, and alone have the gaps filled", "[id_maps]") {
  CHECK(mapped({"0:0:100", "+1000:1:1"}) == "0:1000:1,2:100001:98,1000:100000:1");
  CHECK(mapped({"0:1:10", "+3:50:2"}) == "0:100000:3,3:100049:2,5:100005:5");
  CHECK(mapped({"+1000:0"}) == "0:100000:1000,1000:1000:1,1001:101000:64536");
  CHECK(mapped({}, {"+g2:@100500"}) ==
        "0:1000:1,1:100000:65536 and 0:1000:1,1:100000:1,2:100500:1,3:100001:499,502:100501:65035");
}

TEST_CASE("maps that cannot be are refused in one line that says why", "[id_maps]") {
  CHECK(mapped({"0:65530:8"}) == "ERROR --uidmap: uids 65530-65537 are not among those of this user: 0-65536");
  CHECK(mapped({"0:1:10", "5:20:10"}) == "ERROR uid maps '0:1:10' and '5:20:10' overlap");
  CHECK(mapped({"0:1:10", "20:5:1"}) == "ERROR uid maps '0:1:10' and '20:5:1' overlap");
  CHECK(mapped({"1:1:10"}) == "ERROR the uid map leaves out id 0 of the container, which must exist");
  for (const char* word : {"x", "0", "0:x:1", "0:1:0", "-1:0:1", "0:1:2:3", "x0:1:2", "0:@:1", "", "0:1:99999999999"}) {
    INFO(word);
    CHECK_FALSE(parse_id_words({word}, "--uidmap"));
  }
  CHECK(parse_id_words({"0:x"}, "--gidmap").error().text() == "--gidmap 0:x: must be [+ug]CONTAINER:[@]FROM[:SIZE]");
}

TEST_CASE("ranges of a name begin at id 0 of the container and must be the user's own", "[id_maps]") {
  CHECK(text(subid_map({{100000, 10}, {100100, 5}}, {{100000, 15}}, available())) ==
        "0:100000:10,10:100100:5 and 0:100000:15");
  CHECK(text(subid_map({{200000, 10}}, {{100000, 15}}, available())).starts_with("ERROR --subuidname: uids 200000"));
}

TEST_CASE("nomap leaves the user out", "[id_maps]") {
  CHECK(text(subordinate_map(available())) == "0:100000:65536");
  CHECK_FALSE(subordinate_map(runtime::single_id_map(1000, 1000)));
}

TEST_CASE("automatic maps take what nobody has", "[id_maps]") {
  UsernsChoice choice;
  choice.mode = UsernsChoice::Mode::automatic;
  CHECK(automatic(choice, {}, 1024) == "0:100000:1024");
  const IdMap first = {{{0, 100000, 1024}}, {{0, 100000, 1024}}};
  const IdMap third = {{{0, 101100, 100}}, {{0, 101100, 100}}};
  CHECK(automatic(choice, {first, third}, 1024) == "0:101024:76,76:101200:948");
  CHECK(automatic(choice, {first}, 65000) ==
        "ERROR --userns auto: the container needs 65000 uids, and 64512 of the 65536 subordinate ones are free");
}

TEST_CASE("an automatic map has what it was told to have", "[id_maps]") {
  UsernsChoice choice = asked({"1000:0:1"}, {"5:@100003:1"});
  choice.mode = UsernsChoice::Mode::automatic;
  CHECK(automatic(choice, {}, 10) == "0:100000:10,1000:1000:1 and 0:100000:3,3:100004:2,5:100003:1,6:100006:4");
}

TEST_CASE("an image needs as many ids as its highest user or group, nobody aside", "[id_maps]") {
  CHECK(needed_ids("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:\n", "nogroup:x:65534:\n") == 1024);
  CHECK(needed_ids("a:x:5000:20::/:\n", "b:x:6000:\n") == 6001);
}

TEST_CASE("files keep their owners where the map is part of the usual one", "[id_maps]") {
  const auto own = available();
  CHECK(keeps_owners(own, own));
  CHECK(keeps_owners(explicit_map(asked({"0:0:1000"}), own).value(), own));
  CHECK_FALSE(keeps_owners(explicit_map(asked({"0:1:1000"}), own).value(), own));
  CHECK_FALSE(keeps_owners(subordinate_map(own).value(), own));
}

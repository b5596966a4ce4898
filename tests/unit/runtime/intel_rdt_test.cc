// Groups of a resctrl, on ordinary directories in the place of one.
#include "runtime/intel_rdt.h"

#include "base/file.h"
#include "tests/catch.h"
#include "tests/unit/runtime/support.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

// A resctrl of ordinary files: the kernel would fill a new group with files, and remove a group with its files.
struct FakeResctrl {
  test::TemporaryDirectory directory;
  std::string mount() const { return directory.path(); }
  Dir open(const std::string& name = ".") const { return Dir::open(mount() + "/" + name).value(); }
  std::string read(const std::string& name) const { return read_file(mount() + "/" + name).value(); }
  void add_group(const std::string& name, const std::string& schemata) const {
    REQUIRE(open().make_dir(name, 0755));
    REQUIRE(open(name).write_file("schemata", schemata, Sync::no));
  }
  void empty_like_the_kernel(const std::string& name) const {
    for (const char* file : {"schemata", "tasks"}) open(name).remove_file(file).ignore("not every group has it");
  }
};

SpecIntelRdt rdt(const std::string& clos_id, const std::string& l3 = {}, const std::string& bandwidth = {},
                 const std::vector<std::string>& schemata = {}) {
  SpecIntelRdt out;
  out.clos_id = clos_id;
  out.l3_cache_schema = l3;
  out.mem_bw_schema = bandwidth;
  out.schemata = schemata;
  return out;
}

}  // namespace

TEST_CASE("shares are written as the specification combines them") {
  CHECK(rdt_shares(rdt("gold")).empty());
  CHECK(rdt_shares(rdt("", "L3:0=f;1=f0")) == "L3:0=f;1=f0\n");
  CHECK(rdt_shares(rdt("", "L3:0=f\nMB:0=50", "MB:0=20", {"L2:0=3"})) == "L3:0=f\nMB:0=20\nL2:0=3\n");
  CHECK(rdt_shares(rdt("", "L3:0=f\nMB:0=50")) == "L3:0=f\nMB:0=50\n");
}

TEST_CASE("shares are compared by what they mean") {
  const std::string present = "    MB:0=100;1=20\n    L3:0=00f0;1=ffff\n";
  CHECK(has_rdt_shares(present, "L3:0=f0\n"));
  CHECK(has_rdt_shares(present, "L3:1=ffff;0=0f0\nMB:1=20\n"));
  CHECK_FALSE(has_rdt_shares(present, "L3:0=f\n"));
  CHECK_FALSE(has_rdt_shares(present, "L3:2=f0\n"));
  CHECK_FALSE(has_rdt_shares(present, "L2:0=f0\n"));
}

TEST_CASE("a group of the container's name is made, joined, changed and removed") {
  const FakeResctrl fake;
  SpecIntelRdt monitored_rdt = rdt("", "L3:0=f");
  monitored_rdt.enable_monitoring = true;
  const auto group = make_rdt_group(fake.mount(), monitored_rdt, "box");
  REQUIRE(group);
  CHECK(group->path == fake.mount() + "/box");
  CHECK(group->made);
  CHECK(fake.read("box/schemata") == "L3:0=f\n");
  REQUIRE(join_rdt_group(*group, 4711));
  CHECK(fake.read("box/tasks") == "4711");
  CHECK(fake.read("box/mon_groups/box/tasks") == "4711");
  REQUIRE(set_rdt_shares(*group, rdt("", "", "MB:0=30")));
  CHECK(fake.read("box/schemata") == "MB:0=30\n");
  CHECK(rdt_group_from_json(JsonReader(to_json(*group), "rdt")).value() == *group);
  fake.empty_like_the_kernel("box/mon_groups/box");
  fake.empty_like_the_kernel("box");
  // The directory of monitoring groups is the kernel's, and goes with the group.
  RdtGroup monitored = *group;
  monitored.made = false;
  REQUIRE(remove_rdt_group(monitored));
  REQUIRE(fake.open("box").remove_dir("mon_groups"));
  REQUIRE(remove_rdt_group(*group));
  CHECK_FALSE(path_exists(fake.mount() + "/box"));
}

TEST_CASE("a named group that is there is joined when its shares are those, and stays") {
  const FakeResctrl fake;
  fake.add_group("gold", "L3:0=00ff\n");
  const auto joined = make_rdt_group(fake.mount(), rdt("gold"), "box");
  REQUIRE(joined);
  CHECK_FALSE(joined->made);
  CHECK(make_rdt_group(fake.mount(), rdt("gold", "L3:0=ff"), "box"));
  const auto other = make_rdt_group(fake.mount(), rdt("gold", "L3:0=f"), "box");
  REQUIRE_FALSE(other);
  CHECK(other.error().code() == Errc::invalid);
  CHECK(other.error().text() == "linux.intelRdt: group 'gold' is there with other shares than 'L3:0=f'");
  CHECK(fake.read("gold/schemata") == "L3:0=00ff\n");
  REQUIRE(remove_rdt_group(*joined));
  CHECK(path_exists(fake.mount() + "/gold"));
}

TEST_CASE("a named group that is missing is made with its shares, and is an error without") {
  const FakeResctrl fake;
  const auto missing = make_rdt_group(fake.mount(), rdt("gold"), "box");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code() == Errc::not_found);
  CHECK(missing.error().text().starts_with("linux.intelRdt: closID 'gold' names no group"));
  const auto made = make_rdt_group(fake.mount(), rdt("gold", "", "", {"L2:0=3"}), "box");
  REQUIRE(made);
  CHECK(made->made);
  CHECK(fake.read("gold/schemata") == "L2:0=3\n");
}

TEST_CASE("a resctrl is found where it is mounted") {
  CHECK(find_resctrl("22 1 254:0 / / rw - ext4 /dev/vda rw\n"
                     "31 22 0:28 / /sys/fs/resctrl rw,relatime shared:9 - resctrl resctrl rw\n") == "/sys/fs/resctrl");
  CHECK_FALSE(find_resctrl("22 1 254:0 / /resctrl rw - ext4 resctrl rw\n"));
}

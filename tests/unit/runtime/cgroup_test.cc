#include "runtime/cgroup.h"

#include "runtime/cgroup_limits.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

std::string lines(const SpecResources& resources) {
  std::string out;
  for (const CgroupSetting& setting : cgroup_settings(resources)) {
    out += setting.controller + " " + setting.file + "=" + setting.value + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("limits become files of cgroup v2") {
  SpecResources resources;
  resources.memory = SpecMemory{.limit = 100, .reservation = 50, .swap = 150, .swappiness = {}};
  resources.cpu =
      SpecCpu{.shares = 1024, .quota = 50000, .period = 100000, .burst = {}, .idle = {}, .cpus = "0", .mems = {}};
  resources.pids_limit = 2048;
  resources.unified = {{"memory.high", "77"}};
  CHECK(lines(resources) ==
        "memory memory.max=100\nmemory memory.low=50\nmemory memory.swap.max=50\ncpu cpu.weight=100\n"
        "cpu cpu.max=50000 100000\ncpuset cpuset.cpus=0\npids pids.max=2048\nmemory memory.high=77\n");
}

TEST_CASE("unlimited is max, and zero asks for nothing") {
  SpecResources resources;
  resources.memory = SpecMemory{.limit = -1, .reservation = {}, .swap = -1, .swappiness = {}};
  resources.pids_limit = -1;
  CHECK(lines(resources) == "memory memory.max=max\nmemory memory.swap.max=max\npids pids.max=max\n");
  resources.memory = SpecMemory{.limit = 0, .reservation = 0, .swap = 0, .swappiness = {}};
  resources.pids_limit = 0;
  CHECK_FALSE(wants_cgroup(resources));
}

TEST_CASE("cpu shares keep their meaning at both ends and in the middle") {
  CHECK(cpu_weight(2) == 1);
  CHECK(cpu_weight(1024) == 100);
  CHECK(cpu_weight(262144) == 10000);
  CHECK(cpu_weight(512) < cpu_weight(1024));
}

TEST_CASE("a limit this host cannot apply is refused with the fix, no limit is no problem") {
  HostFacts host;
  host.cgroup.mode = CgroupMode::hybrid;
  SpecResources resources;
  CHECK(check_limits(resources, host));
  CHECK_FALSE(Cgroup::create("x", resources, host).value());
  resources.memory = SpecMemory{.limit = 1 << 20, .reservation = {}, .swap = {}, .swappiness = {}};
  const auto refused = check_limits(resources, host);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::unsupported);
  CHECK(refused.error().text() == "memory cannot be limited: cgroups are not delegated to this user (mode: hybrid)");
  CHECK_FALSE(refused.error().hint().empty());
  host.cgroup.mode = CgroupMode::v2_delegated;
  host.cgroup.controllers = {"pids"};
  const auto missing = check_limits(resources, host);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().text() ==
        "memory cannot be limited: the cgroup controller 'memory' is not delegated to this user");
  host.cgroup.controllers = {"memory"};
  CHECK(check_limits(resources, host));
}

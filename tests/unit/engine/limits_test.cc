#include "engine/limits.h"

#include "engine/live_cgroup.h"
#include "engine/stats.h"
#include "tests/catch.h"

namespace ctr::engine {

TEST_CASE("a change of limits leaves what it does not name") {
  ResourceSpec limits;
  limits.memory_bytes = 64;
  limits.cpu_shares = 512;
  limits.cpuset_cpus = "0-1";
  ResourceSpec changes;
  changes.memory_bytes = 128;
  changes.pids = -1;
  const auto changed = change_limits(limits, changes);
  CHECK(changed.memory_bytes == 128);
  CHECK(changed.pids == -1);
  CHECK(changed.cpu_shares == 512);
  CHECK(changed.cpuset_cpus == "0-1");
  CHECK(change_limits(limits, ResourceSpec{}) == limits);
}

TEST_CASE("limits of the runtime keep their device rules, and gain what is named") {
  runtime::SpecResources limits;
  limits.devices.push_back({true, "c", 1, 3, "rwm"});
  ResourceSpec changes;
  changes.cpu_quota_us = 50'000;
  changes.cpu_period_us = 100'000;
  const auto changed = change_limits(limits, changes);
  CHECK(changed.devices == limits.devices);
  REQUIRE(changed.cpu);
  CHECK(changed.cpu->quota == 50'000);
  CHECK(changed.cpu->period == 100'000);
  CHECK_FALSE(changed.memory);
  CHECK_FALSE(changed.pids_limit);
  CHECK(runtime_limits(ResourceSpec{}) == runtime::SpecResources{});
}

TEST_CASE("block i/o is limited by device, and a change replaces what the same device had") {
  ResourceSpec limits;
  limits.blkio_weight = 100;
  limits.read_bps = {{"/dev/sda", 1000, 8, 0}, {"/dev/sdb", 2000, 8, 16}};
  limits.blkio_weight_devices = {{"/dev/sda", 50, 8, 0}};
  limits.unified = {{"memory.high", "1G"}};
  const auto before = runtime_limits(limits);
  REQUIRE(before.block_io);
  CHECK(before.block_io->weight == 100);
  CHECK(before.block_io->weight_devices.size() == 1);
  CHECK(before.unified.at("memory.high") == "1G");
  ResourceSpec changes;
  changes.read_bps = {{"/dev/sda", 5, 8, 0}};
  changes.write_iops = {{"/dev/sda", 6, 8, 0}};
  const auto after = change_limits(before, changes);
  const std::vector<runtime::SpecBlockIo::Throttle> reads = {{8, 16, 2000}, {8, 0, 5}};
  CHECK(after.block_io->read_bps == reads);
  CHECK(after.block_io->write_iops.size() == 1);
  CHECK(after.block_io->weight == 100);
}

TEST_CASE("what cgroup v2 does not have of memory reaches the runtime, which refuses it") {
  ResourceSpec limits;
  limits.swappiness = 0;
  limits.oom_kill_disable = true;
  const auto memory = runtime_limits(limits).memory;
  REQUIRE(memory);
  CHECK(memory->swappiness == 0);
  CHECK(memory->disable_oom_killer);
}

TEST_CASE("rules for devices are podman's") {
  CHECK(parse_device_rule("c 1:3 rwm").value() == runtime::SpecDeviceRule{true, "c", 1, 3, "rwm"});
  CHECK(parse_device_rule("a *:* r").value() == runtime::SpecDeviceRule{true, "a", std::nullopt, std::nullopt, "r"});
  for (const char* text :
       {"", "c 1:3", "c 1 rwm", "d 1:3 r", "c 1:x r", "c -1:3 r", "c 1:3 rx", "c 1:3 ", "c 1:3 r w"}) {
    CHECK_FALSE(parse_device_rule(text));
  }
}

TEST_CASE("network use is of all interfaces but the loopback") {
  const auto use = parse_network_use(
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls "
      "carrier\n"
      "    lo:     500       5    0    0    0     0          0         0      500       5    0    0    0     0       "
      "0\n"
      "  eth0:    1000      10    0    0    0     0          0         0       70       1    0    0    0     0       "
      "0\n"
      "  eth1:       5       1    0    0    0     0          0         0        3       1    0    0    0     0       "
      "0\n"
      "  torn: 7\n");
  CHECK(use.received_bytes == 1005);
  CHECK(use.sent_bytes == 73);
}

TEST_CASE("a host without cgroups of its user's own says what is missing and the way to it") {
  using runtime::CgroupMode;
  for (const auto mode : {CgroupMode::none, CgroupMode::v1, CgroupMode::hybrid, CgroupMode::v2_not_delegated}) {
    const auto error = no_cgroup(mode, "pause");
    CHECK(error.code() == Errc::unsupported);
    CHECK(error.text().starts_with("pause needs a cgroup of the container's own: "));
    CHECK(error.hint().find("ctr doctor") != std::string::npos);
  }
  CHECK(no_cgroup(CgroupMode::v2_delegated, "stats").hint().find("--cgroups disabled") != std::string::npos);
}

}  // namespace ctr::engine

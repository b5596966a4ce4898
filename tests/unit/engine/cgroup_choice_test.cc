#include "engine/cgroup_choice.h"

#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;
using runtime::CgroupManager;
using Kind = runtime::CgroupPlan::Kind;

namespace {

runtime::HostFacts host_with_systemd() {
  runtime::HostFacts host;
  host.uid = 1000;
  host.cgroup.mode = runtime::CgroupMode::v2_delegated;
  host.cgroup.mount_point = "/sys/fs/cgroup";
  host.cgroup.own_path = "/user.slice/user-1000.slice/user@1000.service/app.slice/unit.service";
  host.cgroup.own_writable = true;
  host.cgroup.parent_path = "/user.slice/user-1000.slice/user@1000.service/app.slice";
  host.cgroup.controllers = {"memory", "pids"};
  host.cgroup.systemd_bus = "unix:path=/run/user/1000/bus";
  host.cgroup.systemd_slice = "user.slice";
  host.cgroup.systemd_controllers = {"memory", "pids"};
  return host;
}

Result<runtime::CgroupPlan> choose(const ContainerSpec& spec, const runtime::HostFacts& host = host_with_systemd()) {
  return choose_cgroup(spec, "box", Config(), host);
}

}  // namespace

TEST_CASE("systemd makes the cgroups where there is one, else ctr where it may, else nobody") {
  auto host = host_with_systemd();
  CHECK(choose_cgroup_manager("", {}, host.cgroup).value() == CgroupManager::systemd);
  host.cgroup.systemd_bus.clear();
  CHECK(choose_cgroup_manager("", {}, host.cgroup).value() == CgroupManager::cgroupfs);
  host.cgroup.mode = runtime::CgroupMode::v2_not_delegated;
  CHECK(choose_cgroup_manager("", {}, host.cgroup).value() == CgroupManager::disabled);
}

TEST_CASE("an option decides over the configuration, and is not given up silently") {
  auto host = host_with_systemd();
  Config config;
  config.cgroup_manager = "cgroupfs";
  CHECK(choose_cgroup_manager("", config, host.cgroup).value() == CgroupManager::cgroupfs);
  CHECK(choose_cgroup_manager("systemd", config, host.cgroup).value() == CgroupManager::systemd);
  host.cgroup.systemd_bus.clear();
  config.cgroup_manager = "systemd";
  CHECK(choose_cgroup_manager("", config, host.cgroup).value() == CgroupManager::cgroupfs);
  ContainerSpec spec;
  spec.cgroup_manager = "systemd";
  const auto refused = choose(spec, host);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::unsupported);
  CHECK_FALSE(choose_cgroup_manager("crio", {}, host.cgroup));
}

TEST_CASE("--cgroups chooses what is made") {
  ContainerSpec spec;
  CHECK(choose(spec).value().kind == Kind::scope);
  CHECK(choose(spec).value().unit == "ctr-box.scope");
  CHECK(choose(spec).value().slice == "user.slice");
  spec.cgroups = "no-conmon";
  CHECK(choose(spec).value().kind == Kind::process_scope);
  spec.cgroups = "disabled";
  CHECK(choose(spec).value().kind == Kind::none);
  spec.cgroups = "split";
  const auto split = choose(spec).value();
  CHECK(split.kind == Kind::split);
  CHECK(split.path == host_with_systemd().cgroup.own_path + "/ctr-payload-box");
  spec.cgroups = "shared";
  CHECK(choose(spec).error().code() == Errc::invalid);
}

TEST_CASE("--cgroups split on a host that cannot do it is refused, not started without a cgroup") {
  auto host = host_with_systemd();
  ContainerSpec spec;
  spec.cgroups = "split";
  host.cgroup.systemd_bus.clear();
  for (const auto mode : {runtime::CgroupMode::v1, runtime::CgroupMode::hybrid, runtime::CgroupMode::none}) {
    host.cgroup.mode = mode;
    const auto refused = choose(spec, host);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == Errc::unsupported);
    CHECK(refused.error().text().starts_with("--cgroups split needs cgroup v2"));
  }
  spec.cgroup_manager = "disabled";
  CHECK(choose(spec).error().text() == "--cgroups split and the cgroup manager disabled exclude each other");
}

TEST_CASE("a parent is a slice for systemd and a directory for cgroupfs") {
  ContainerSpec spec;
  spec.cgroup_parent = "web.slice";
  CHECK(choose(spec).value().slice == "web.slice");
  spec.cgroup_manager = "cgroupfs";
  CHECK(choose(spec).error().code() == Errc::invalid);
  spec.cgroup_parent = "/web";
  CHECK(choose(spec).value().path == "/web/ctr-box");
  spec.cgroup_parent = "../web";
  CHECK(choose(spec).error().code() == Errc::invalid);
  spec.cgroup_manager = "systemd";
  spec.cgroup_parent = "/web";
  CHECK(choose(spec).error().code() == Errc::invalid);
  spec.cgroup_manager = "disabled";
  CHECK(choose(spec).error().code() == Errc::invalid);
}

TEST_CASE("the default limit of processes needs a cgroup with its controller") {
  auto host = host_with_systemd();
  ContainerSpec spec;
  CHECK(can_limit(choose(spec, host).value(), "pids", host));
  CHECK_FALSE(can_limit(choose(spec, host).value(), "cpuset", host));
  spec.cgroups = "disabled";
  CHECK_FALSE(can_limit(choose(spec, host).value(), "pids", host));
}

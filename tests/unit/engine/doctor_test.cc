#include "engine/doctor.h"

#include <algorithm>

#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;

namespace {

runtime::HostFacts healthy_host() {
  runtime::HostFacts host;
  host.uid = 1000;
  host.user = "ada";
  host.subuids = {{100000, 65536}};
  host.subgids = {{100000, 65536}};
  host.newuidmap = "/usr/bin/newuidmap";
  host.newgidmap = "/usr/bin/newgidmap";
  host.fuse_overlayfs = "/usr/bin/fuse-overlayfs";
  host.slirp4netns = "/usr/bin/slirp4netns";
  host.user_namespaces = host.fuse_usable = host.tun_usable = host.seccomp = true;
  host.cgroup.mode = runtime::CgroupMode::v2_delegated;
  host.cgroup.controllers = {"memory", "pids"};
  return host;
}

DoctorProbes healthy_probes() {
  DoctorProbes probes;
  probes.native_overlay = []() -> Result<bool> { return true; };
  probes.store_file_system = []() -> Result<std::string> { return std::string("ext4"); };
  probes.exists = [](const std::string&) { return true; };
  probes.ping_groups = [] { return std::optional(std::pair(uint32_t{0}, uint32_t{2147483647})); };
  probes.is_privileged_program = [](const std::string&) { return true; };
  return probes;
}

UserPaths paths() {
  UserPaths result;
  result.runtime_dir = "/run/user/1000";
  result.store = "/home/ada/.local/share/ctr";
  return result;
}

const Environment k_environment = {{"XDG_RUNTIME_DIR", "/run/user/1000"}};

std::vector<Check> checks_of(const runtime::HostFacts& host, const DoctorProbes& probes = healthy_probes()) {
  return run_checks(host, paths(), k_environment, probes);
}

const Check& named(const std::vector<Check>& checks, const std::string& name) {
  auto found = std::find_if(checks.begin(), checks.end(), [&](const Check& check) { return check.name == name; });
  REQUIRE(found != checks.end());
  return *found;
}

bool all_good(const std::vector<Check>& checks) {
  return std::all_of(checks.begin(), checks.end(),
                     [](const Check& check) { return check.state == Check::State::good; });
}

}  // namespace

TEST_CASE("a healthy host passes every check") { CHECK(all_good(checks_of(healthy_host()))); }

TEST_CASE("every check that is not good names one command") {
  runtime::HostFacts bare;
  bare.uid = 1000;
  bare.user_namespaces_reason = "user.max_user_namespaces is 0";
  DoctorProbes probes = healthy_probes();
  probes.native_overlay = []() -> Result<bool> { return false; };
  probes.exists = [](const std::string& path) { return path == "/run/systemd/system"; };
  for (const auto& check : run_checks(bare, paths(), {}, probes)) {
    INFO(check.name);
    CHECK((check.state == Check::State::good || !check.fix.empty()));
    CHECK_FALSE(check.detail.empty());
  }
}

TEST_CASE("missing user namespaces block run") {
  auto host = healthy_host();
  host.user_namespaces = false;
  host.user_namespaces_reason = "user.max_user_namespaces is 0";
  auto checks = checks_of(host);
  CHECK(named(checks, "user namespaces").blocks_run);
  CHECK(named(checks, "user namespaces").fix.find("user.max_user_namespaces") != std::string::npos);
}

TEST_CASE("missing subordinate ids warn, since a single id still runs") {
  auto host = healthy_host();
  host.subuids.clear();
  auto checks = checks_of(host);
  CHECK(named(checks, "subordinate ids").state == Check::State::warning);
  CHECK(named(checks, "subordinate ids").fix ==
        "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ada");
}

TEST_CASE("without native overlay fuse-overlayfs decides whether run can work") {
  auto probes = healthy_probes();
  probes.native_overlay = []() -> Result<bool> { return false; };
  auto host = healthy_host();
  CHECK_FALSE(named(checks_of(host, probes), "overlay in a user namespace").blocks_run);
  host.fuse_usable = false;
  CHECK(named(checks_of(host, probes), "overlay in a user namespace").blocks_run);
  CHECK(named(checks_of(host, probes), "overlay in a user namespace").fix == "sudo chmod 0666 /dev/fuse");
}

TEST_CASE("a host with old cgroups only loses limits") {
  auto host = healthy_host();
  host.cgroup.mode = runtime::CgroupMode::hybrid;
  auto checks = checks_of(host);
  CHECK(named(checks, "cgroup delegation").state == Check::State::warning);
  CHECK(named(checks, "cgroup delegation").detail.find("limits") != std::string::npos);
}

TEST_CASE("a store on NFS is refused") {
  auto probes = healthy_probes();
  probes.store_file_system = []() -> Result<std::string> { return std::string("nfs"); };
  CHECK(named(checks_of(healthy_host(), probes), "store").blocks_run);
}

TEST_CASE("a host where the user may not ping is told of it") {
  DoctorProbes probes = healthy_probes();
  probes.ping_groups = [] { return std::optional(std::pair(uint32_t{1}, uint32_t{0})); };
  const auto checks = checks_of(healthy_host(), probes);
  const auto& check = named(checks, "ping");
  CHECK(check.state == Check::State::warning);
  CHECK(check.detail.find("ping_group_range is '1 0'") != std::string::npos);
  probes.ping_groups = [] { return std::optional<std::pair<uint32_t, uint32_t>>(); };
  CHECK(all_good(checks_of(healthy_host(), probes)));
}

// The steps of namespaces and of entering the root, as golden files.
#include "runtime/host_mounts.h"
#include "runtime/launch.h"
#include "tests/catch.h"
#include "tests/unit/runtime/plans.h"

using namespace ctr;
using namespace ctr::runtime;
using ctr::test::compare_golden;
using ctr::test::compiled;
using ctr::test::compiled_on;
using ctr::test::plain_host;
using ctr::test::plain_rootfs;
using ctr::test::plain_spec;
using ctr::test::steps_about;

namespace {

HostFacts root_host() {
  HostFacts host = plain_host();
  host.uid = host.gid = 0;
  host.user = "root";
  return host;
}

void set_namespace(RuntimeSpec* spec, NamespaceType type, const std::string& path) {
  std::erase_if(spec->linux_config.namespaces, [&](const auto& entry) { return entry.type == type; });
  spec->linux_config.namespaces.push_back({.type = type, .path = path});
}

void drop_namespace(RuntimeSpec* spec, NamespaceType type) {
  std::erase_if(spec->linux_config.namespaces, [&](const auto& entry) { return entry.type == type; });
}

// Up to the wait for the maps.
std::string first_steps(const std::string& program) {
  return program.substr(0, program.find("# become root of the user namespace\n   set_group\n   set_user\n   "
                                        "set_parent_death_signal 0x9 0x0 0x0\n# stop"));
}

RuntimeSpec without_mounts() {
  RuntimeSpec spec = plain_spec();
  spec.mounts.clear();
  spec.linux_config.masked_paths.clear();
  spec.linux_config.readonly_paths.clear();
  return spec;
}

}  // namespace

TEST_CASE("the clocks of a time namespace are set by a process that clones the container's") {
  RuntimeSpec spec = plain_spec();
  set_namespace(&spec, NamespaceType::time, "");
  spec.linux_config.time_offsets.monotonic = SpecTimeOffset{.secs = -5, .nanosecs = 7};
  spec.linux_config.time_offsets.boottime = SpecTimeOffset{.secs = 1000, .nanosecs = 0};
  compare_golden("time.steps", first_steps(compiled(spec, plain_rootfs())));
}

TEST_CASE("root joins the host's namespaces before it makes a user namespace") {
  RuntimeSpec spec = plain_spec();
  set_namespace(&spec, NamespaceType::network, "/run/netns/x");
  spec.linux_config.sysctl = {{"net.ipv4.ip_forward", "1"}};
  compare_golden("joined-by-root.steps", first_steps(compiled_on(root_host(), spec)));
}

TEST_CASE("the steps without mounts of the container's own") {
  RuntimeSpec spec = without_mounts();
  spec.process->terminal = true;
  spec.process->oom_score_adj = 5;
  RootfsPlan plan;
  plan.directory = "/bundle/rootfs";
  drop_namespace(&spec, NamespaceType::mount);
  std::string text = compiled(spec, plan);
  set_namespace(&spec, NamespaceType::mount, "/proc/42/ns/mnt");
  text += steps_about(compiled(spec, plan), "open root|join");
  compare_golden("foreign-mounts.steps", text);
}

TEST_CASE("the steps of entering the root: propagation, and without pivot_root") {
  RuntimeSpec spec = plain_spec();
  const std::string about = "stop mounts|make the root|pivot|move the root|hide|bind root";
  std::string text;
  for (const char* propagation : {"", "slave", "rshared", "unbindable"}) {
    spec.linux_config.rootfs_propagation = propagation;
    text += std::string("## ") + propagation + "\n" + steps_about(compiled(spec, plain_rootfs()), about);
  }
  RootfsPlan plan;
  plan.directory = "/bundle/rootfs";
  spec.linux_config.rootfs_propagation = "shared";
  text += "## shared directory\n" + steps_about(compiled(spec, plan), about);
  spec.linux_config.rootfs_propagation = "";
  CompileOptions options;
  options.no_pivot = true;
  options.kernel_mounts = {"/proc/sys", "/proc"};
  text += "## no pivot\n" + steps_about(compiled(spec, plan, options), about);
  compare_golden("root.steps", text);
}

TEST_CASE("a process that nobody prepares from outside does not wait for it") {
  CompileOptions options;
  options.unattended = true;
  auto spec = plain_spec();
  HostFacts host = plain_host();
  host.uid = host.gid = 0;
  const auto waits = [&] {
    const auto program = compile_run(spec, plain_rootfs(), host, options);
    REQUIRE(program);
    CHECK(program->waits_at_start == program->hands_over_namespaces);
    return program->waits_at_start;
  };
  // Somebody has to write the maps of its ids.
  CHECK(waits());
  drop_namespace(&spec, NamespaceType::user);
  spec.linux_config.ids = {};
  CHECK_FALSE(waits());
  spec.linux_config.net_devices = {{"eth0", "eth1"}};
  CHECK(waits());
  spec.linux_config.net_devices.clear();
  options.unattended = false;
  CHECK(waits());
}

TEST_CASE("mounts of the kernel's file systems are found in the mount table, last first") {
  CHECK(kernel_mounts("22 1 0:5 / /proc rw - proc proc rw\n"
                      "23 1 0:6 / / rw - ext4 /dev/sda rw\n"
                      "24 22 0:5 /sys /proc/sys ro shared:3 - proc proc rw\n"
                      "25 1 0:7 / /sys rw - sysfs sysfs rw\n"
                      "26 1 0:5 / /a\\040b rw master:2 - proc proc rw\n"
                      "27 1 0:5 / /bundle/rootfs/proc rw - proc proc rw\n"
                      "28 1 0:5 / /bundle/rootfs2 rw - proc proc rw\n",
                      "/bundle/rootfs") ==
        std::vector<std::string>{"/bundle/rootfs2", "/a b", "/sys", "/proc/sys", "/proc"});
}

TEST_CASE("namespaces and what needs them are checked before anything starts") {
  const auto refused = [](const std::function<void(RuntimeSpec*)>& spoil, const HostFacts& host = plain_host()) {
    RuntimeSpec spec = plain_spec();
    spoil(&spec);
    return compiled_on(host, spec);
  };
  CHECK(refused([](RuntimeSpec* spec) {
          spec->linux_config.time_offsets.boottime = SpecTimeOffset{.secs = 1, .nanosecs = 0};
        }) == "ERROR timeOffsets need a new time namespace");
  CHECK(refused([](RuntimeSpec* spec) { drop_namespace(spec, NamespaceType::user); }) ==
        "ERROR uidMappings and gidMappings need a user namespace");
  CHECK(refused([](RuntimeSpec* spec) {
          drop_namespace(spec, NamespaceType::uts);
          spec->hostname.clear();
          spec->domainname = "example.org";
        }) == "ERROR a domain name needs a uts namespace");
  CHECK(refused([](RuntimeSpec* spec) { drop_namespace(spec, NamespaceType::mount); }) ==
        "ERROR mounts need a new mount namespace");
  CHECK(refused([](RuntimeSpec* spec) { spec->linux_config.net_devices["eth7"] = ""; }) ==
        "ERROR netDevices: only root can move the device 'eth7' of the host into a container");
  CHECK(refused([](RuntimeSpec* spec) { spec->linux_config.net_devices = {{"eth7", "same"}, {"eth8", "same"}}; },
                root_host()) == "ERROR netDevices: two devices are to be named 'same'");
  CHECK(refused(
            [](RuntimeSpec* spec) {
              drop_namespace(spec, NamespaceType::network);
              spec->linux_config.net_devices["eth7"] = "";
            },
            root_host()) == "ERROR netDevices need a network namespace");
  CHECK(refused([](RuntimeSpec* spec) { spec->linux_config.mount_label = "system_u:object_r:x"; }) ==
        "ERROR mountLabel 'system_u:object_r:x' cannot be applied: this kernel does not run SELinux");
  CHECK(refused([](RuntimeSpec* spec) {
          spec->linux_config.sysctl = {{"kernel.domainname", "a"}}, spec->domainname = "b";
        }).find("sysctl 'kernel/domainname' says 'a', the container's domain name is 'b'") != std::string::npos);
  CHECK(refused([](RuntimeSpec* spec) {
          for (uint32_t i = 0; i < 341; ++i) {
            spec->linux_config.ids.uids.push_back({.inside = 200000 + 2 * i, .outside = 300000 + 2 * i, .size = 1});
          }
        }).find("the kernel takes 340") != std::string::npos);
}

TEST_CASE("a mount label goes to the file systems that can have one") {
  HostFacts host = plain_host();
  host.selinux = true;
  RuntimeSpec spec = plain_spec();
  spec.linux_config.mount_label = "system_u:object_r:container_file_t:s0:c1,c2";
  const std::string program = compiled_on(host, spec);
  size_t labels = 0;
  for (size_t at = program.find("context="); at != std::string::npos; at = program.find("context=", at + 1)) ++labels;
  // Of the default mounts: /dev, /dev/shm and /dev/mqueue; and the overlay of the root.
  CHECK(labels == 4);
}

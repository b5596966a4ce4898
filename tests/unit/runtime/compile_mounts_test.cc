// The steps of mounts and devices, as golden files.
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

SpecMount entry(const char* destination, const char* type, const char* source, std::vector<std::string> options) {
  return {.destination = destination, .type = type, .source = source, .options = std::move(options)};
}

std::string mount_steps(std::vector<SpecMount> mounts) {
  RuntimeSpec spec = plain_spec();
  spec.mounts = std::move(mounts);
  CompileOptions options;
  options.bundle = "/bundle";
  return steps_about(compiled(spec, plain_rootfs(), options), "bind|mount |change|ERROR");
}

}  // namespace

TEST_CASE("the steps of binds: what reaches equally far is said at once") {
  compare_golden(
      "mounts-bind.steps",
      mount_steps({entry("/plain", "bind", "/src", {"bind"}), entry("/tree", "bind", "/src", {"rbind"}),
                   entry("/top-ro", "none", "/src", {"rbind", "ro"}),
                   entry("/all-ro", "none", "/src", {"rbind", "ro", "rro", "rprivate"}),
                   entry("/mixed", "bind", "/src", {"rbind", "nosuid", "rnodev", "rexec", "slave", "shared"}),
                   entry("relative/./to/../root", "", "from/the/bundle", {"bind", "nosymfollow", "noatime"}),
                   entry("/links", "bind", "/src", {"bind", "src-nofollow", "dest-nofollow"}),
                   entry("/copied", "bind", "/src", {"bind", "copy-symlink"}),
                   entry("/proc", "bind", "/proc", {"rbind"}),
                   entry("/proc/../proc/meminfo", "bind", "/src", {"bind"})}));
}

TEST_CASE("a part of a directory is looked for below its descriptor, where links cannot lead out") {
  const std::string steps = mount_steps({entry("/part", "bind", "/src", {"rbind", "ro", "x-ctr.subpath=/a/b"})});
  const size_t opened = steps.find("   open_path ");
  const size_t found = steps.find("'a/b' 0x200000 0x0 0x12");  // O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
  const size_t cloned = steps.find("   clone_tree ");
  REQUIRE(cloned != std::string::npos);
  CHECK(opened < found);
  CHECK(found < cloned);
  CHECK(steps.find("bind 'a/b' of '/src' at '/part'") != std::string::npos);
  const auto made = mount_steps({entry("/part", "bind", "/src", {"x-ctr.made-subpath=a/b", "rbind"})});
  CHECK(made.find("   open_target ") < made.find("'a/b' 0x3 0x1ed"));
  CHECK(made.find("'a/b' 0x3 0x1ed") < made.find("   clone_tree "));
  CHECK(mount_steps({entry("/all", "bind", "/src", {"rbind", "x-ctr.subpath="})}).find("'.' 0x200000") !=
        std::string::npos);
  CHECK(mount_steps({entry("/t", "tmpfs", "tmpfs", {"x-ctr.subpath=a"})}).find("only bind mounts") !=
        std::string::npos);
}

TEST_CASE("a read-only tmpfs takes what is mounted in it first") {
  RuntimeSpec spec = plain_spec();
  spec.mounts = {entry("/t", "tmpfs", "tmpfs", {"ro"}), entry("/t/in", "bind", "/src", {"bind"}),
                 entry("/alone", "tmpfs", "tmpfs", {"ro"})};
  const std::string steps = steps_about(compiled(spec, plain_rootfs()), "bind|mount |make a file");
  const size_t mounted = steps.find("'/t'");
  const size_t bound = steps.find("'/t/in'");
  const size_t frozen = steps.find("make a file system read-only");
  REQUIRE(frozen != std::string::npos);
  CHECK(mounted < bound);
  CHECK(bound < frozen);
  CHECK(frozen == steps.rfind("make a file system read-only"));
}

TEST_CASE("the steps of new file systems") {
  compare_golden(
      "mounts-new.steps",
      mount_steps({entry("/t1", "tmpfs", "tmpfs", {"size=64k", "rro", "noexec"}),
                   entry("/t2", "tmpfs", "tmpfs", {"tmpcopyup", "ro", "mode=700"}),
                   entry("/t3", "tmpfs", "", {"rprivate", "sync", "lazytime", "nolazytime"}),
                   entry("/t4", "tmpfs", "", {"mode=1777", "rshared"}),
                   entry("/disk", "ext4", "/dev/sda1", {"ro", "errors=continue"}),
                   entry("/over", "overlay", "overlay", {"nosuid", "lowerdir=" + std::string(300, 'x'), "xino=off"})}));
}

TEST_CASE("the steps that change mounts which are there") {
  compare_golden("mounts-change.steps",
                 mount_steps({entry("/a", "tmpfs", "tmpfs", {"remount", "ro", "size=1m"}),
                              entry("/b", "", "", {"remount", "bind", "rnoexec", "size=1m"}),
                              entry("/", "none", "", {"rslave", "shared"}), entry("/c", "", "", {"unbindable"})}));
}

TEST_CASE("what the host's namespaces do not give is what the host has") {
  RuntimeSpec spec = plain_spec();
  std::erase_if(spec.linux_config.namespaces, [](const auto& one) {
    return one.type == NamespaceType::network || one.type == NamespaceType::ipc || one.type == NamespaceType::pid ||
           one.type == NamespaceType::cgroup;
  });
  compare_golden("mounts-host.steps", steps_about(compiled(spec, plain_rootfs()), "mount |bind"));
}

TEST_CASE("cgroups are mounted as the host has them") {
  RuntimeSpec spec = plain_spec();
  spec.mounts = {entry("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "rw"})};
  HostFacts hybrid = plain_host();
  hybrid.cgroup.mode = CgroupMode::hybrid;
  hybrid.cgroup.mount_point = "/sys/fs/cgroup/unified";
  hybrid.cgroup.own_path = "/own";
  hybrid.cgroup.hierarchies = {{.controllers = "cpu,cpuacct", .own_path = "/a"},
                               {.controllers = "name=systemd", .own_path = "/b/c"}};
  std::string text = steps_about(compiled_on(hybrid, spec), "mount the cgroup|mount cgroup2");
  RuntimeSpec shared = spec;
  std::erase_if(shared.linux_config.namespaces, [](const auto& one) { return one.type == NamespaceType::cgroup; });
  text += steps_about(compiled_on(hybrid, shared), "mount the cgroup|mount cgroup2");
  text += steps_about(compiled_on(plain_host(), shared), "mount cgroup2");
  spec.mounts[0].type = "cgroup2";
  text += steps_about(compiled_on(hybrid, spec), "mount cgroup2");
  compare_golden("mounts-cgroup.steps", text);
}

TEST_CASE("the steps of binds for a root who is not the caller: sources are opened before") {
  RuntimeSpec spec = plain_spec();
  spec.linux_config.ids = {.uids = {{.inside = 0, .outside = 100000, .size = 10}},
                           .gids = {{.inside = 0, .outside = 100000, .size = 10}}};
  spec.mounts = {entry("/a", "bind", "/src", {"bind"}), entry("/b", "bind", "/src", {"rbind", "src-nofollow"}),
                 entry("/c", "bind", "/src", {"bind"}), entry("/t", "tmpfs", "tmpfs", {})};
  const char* acts = "open the sources|become root|bind '/src'";
  std::string text = steps_about(compiled(spec, plain_rootfs()), acts);
  // Root's launcher has copied them as well, for what can be opened neither before nor behind.
  HostFacts root = plain_host();
  root.uid = root.gid = 0;
  text += steps_about(compiled_on(root, spec), acts);
  compare_golden("mounts-by-caller.steps", text);
}

TEST_CASE("the steps of devices below rootless podman, whose root may not make nodes") {
  RuntimeSpec spec = plain_spec();
  std::erase_if(spec.linux_config.namespaces, [](const auto& entry) { return entry.type == NamespaceType::user; });
  spec.linux_config.ids = {};
  HostFacts host = plain_host();
  host.uid = host.gid = 0;
  host.in_user_namespace = true;
  compare_golden("devices-below-podman.steps", steps_about(compiled_on(host, spec), "make device|mount sysfs"));
}

TEST_CASE("the steps of devices: nodes for root, the host's for others, and a list that wins over the defaults") {
  RuntimeSpec spec = plain_spec();
  spec.linux_config.devices = {
      {.path = "/dev/zero", .type = "c", .major = 1, .minor = 5, .file_mode = 0600, .uid = 7, .gid = 8},
      {.path = "/else/where", .type = "b", .major = 7, .minor = 1, .file_mode = 0x21b6, .uid = {}, .gid = {}},
      {.path = "/dev/pipe", .type = "p", .major = 0, .minor = 0, .file_mode = {}, .uid = {}, .gid = {}}};
  std::string text = steps_about(compiled(spec, plain_rootfs()), "make device|make the links");
  std::erase_if(spec.linux_config.namespaces, [](const auto& one) { return one.type == NamespaceType::user; });
  spec.linux_config.ids = {};
  text += steps_about(compiled(spec, plain_rootfs()), "make device|make the links");
  compare_golden("devices.steps", text);
}

TEST_CASE("a /dev of the host is left alone, and without /proc there are no links into it") {
  RuntimeSpec spec = plain_spec();
  spec.mounts = {entry("/dev", "bind", "/dev", {"rbind"})};
  CHECK(steps_about(compiled(spec, plain_rootfs()), "make device|make the links").empty());
  spec.mounts.clear();
  const std::string steps = steps_about(compiled(spec, plain_rootfs()), "make device|make the links");
  CHECK(steps.find("make device '/dev/null'") != std::string::npos);
  CHECK(steps.find("'ptmx'") != std::string::npos);
  CHECK(steps.find("/proc/self/fd") == std::string::npos);
}

TEST_CASE("mounts that cannot be are refused before anything starts") {
  const auto refused = [](const SpecMount& mount) { return mount_steps({mount}); };
  CHECK(refused(entry("/x", "", "", {"ro"})) == "ERROR mount at '/x': the mount has no type\n");
  CHECK(refused(entry("/x", "none", "", {})) == "ERROR mount at '/x': the mount has no type\n");
  CHECK(refused(entry("/x", "bind", "", {})) == "ERROR mount at '/x': a bind mount needs a source\n");
  CHECK(refused(entry("/a/../proc/self", "tmpfs", "", {})).find("inside '/proc'") != std::string::npos);
  CHECK(refused(entry("/proc", "tmpfs", "", {})).find("only a proc file system") != std::string::npos);
  CHECK(refused(entry("/..", "tmpfs", "", {})).find("cannot replace the root") != std::string::npos);
  RuntimeSpec spec = plain_spec();
  spec.mounts = {entry("/x", "bind", "relative", {})};
  CHECK(compiled(spec, plain_rootfs()) == "ERROR mount at '/x': source 'relative' is not an absolute path");
}

// Mounts and devices for real: each case starts processes in namespaces of their own.
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/launch.h"
#include "tests/catch.h"
#include "tests/unit/runtime/support.h"

using namespace ctr;
using namespace ctr::runtime;
using ctr::test::has;
using ctr::test::Ran;
using ctr::test::Sandbox;

namespace {

SpecMount entry(const std::string& destination, const std::string& type, const std::string& source,
                std::vector<std::string> options) {
  return {.destination = destination, .type = type, .source = source, .options = std::move(options)};
}

// The line of /proc/self/mountinfo about `destination` in a container with these mounts on top.
std::string mount_line(const std::string& destination, const std::vector<SpecMount>& mounts) {
  Sandbox box;
  test::make_directory(box.path() + "/source/sub");
  for (SpecMount mount : mounts) {
    if (mount.source == "SOURCE") mount.source = box.path() + "/source";
    box.spec.mounts.push_back(mount);
  }
  return output(box.sh("grep ' " + destination + " ' /proc/self/mountinfo"));
}

void drop_namespace(Sandbox* box, NamespaceType type) {
  std::erase_if(box->spec.linux_config.namespaces, [&](const auto& one) { return one.type == type; });
}

}  // namespace

TEST_CASE("attributes, propagation and data of a new file system are in the mount table") {
  const std::string line = mount_line(
      "/x",
      {entry("/x", "tmpfs", "words",
             {"nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow", "rshared", "size=64k", "sync"})});
  CHECK(has(line, " / /x rw,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow shared:"));
  CHECK(has(line, " - tmpfs words rw,sync,size=64k"));
  CHECK(has(mount_line("/x", {entry("/x", "tmpfs", "", {"rro"})}), " / /x ro,"));
  CHECK_FALSE(has(mount_line("/x", {entry("/x", "tmpfs", "", {"rprivate"})}), "shared:"));
}

TEST_CASE("a bind has the attributes it was given, and the source's others stay") {
  const std::string line =
      mount_line("/x", {entry("/x", "bind", "SOURCE", {"bind", "ro", "nosuid", "nodev", "noexec"})});
  CAPTURE(line);
  CHECK(has(line, "/source /x ro,nosuid,nodev,noexec"));
  CHECK_FALSE(has(line, "shared:"));
  CHECK(has(mount_line("/x", {entry("/x", "none", "SOURCE", {"rbind", "rslave", "shared"})}), "shared:"));
  CHECK(has(mount_line("/x", {entry("/x", "none", "SOURCE", {"rbind", "unbindable"})}), "unbindable"));
}

TEST_CASE("an attribute is the top's alone, with r it is the whole tree's") {
  // Of the host's /dev, /dev/pts is a mount below.
  const auto lines = [](const std::vector<std::string>& options) {
    Sandbox box;
    box.spec.mounts.push_back(entry("/host", "bind", "/dev", options));
    return output(box.sh("grep -E ' /host(/pts)? ' /proc/self/mountinfo"));
  };
  const std::string top = lines({"rbind", "ro", "noexec"});
  CHECK(has(top, " /host ro,"));
  CHECK(has(top, " /host/pts rw,"));
  const std::string tree = lines({"rbind", "rro", "rnoexec"});
  CHECK(has(tree, " /host ro,"));
  CHECK(has(tree, " /host/pts ro,"));
  CHECK_FALSE(has(lines({"bind"}), "/host/pts"));
}

TEST_CASE("links below a mount with nosymfollow are not followed") {
  Sandbox box;
  test::make_file(box.path() + "/source/file", "content");
  test::make_link("file", box.path() + "/source/link");
  box.spec.mounts.push_back(entry("/x", "bind", box.path() + "/source", {"bind", "nosymfollow"}));
  CHECK(output(box.sh("cat /x/file; cat /x/link 2>/dev/null || echo refused")) == "contentrefused\n");
}

TEST_CASE("a relative source begins at the bundle, a relative destination at the root") {
  Sandbox box;
  test::make_file(box.path() + "/bundle/data/file", "content");
  box.bundle = box.path() + "/bundle";
  box.spec.mounts.push_back(entry("mnt/./x", "", "data", {"bind"}));
  CHECK(output(box.sh("cat /mnt/x/file")) == "content");
  box.bundle.clear();
  CHECK(has(output(box.sh("true")), "source 'data' is not an absolute path"));
}

TEST_CASE("mounts come in their order") {
  Sandbox box;
  test::make_file(box.path() + "/source/file", "content");
  box.spec.mounts.push_back(entry("/x", "bind", box.path() + "/source", {"bind"}));
  box.spec.mounts.push_back(entry("/x/y", "tmpfs", "", {}));
  box.spec.mounts.push_back(entry("/x", "tmpfs", "", {}));
  CHECK(output(box.sh("ls /x; grep -c ' /x' /proc/self/mountinfo")) == "3\n");
}

TEST_CASE("a tmpfs has the mode of the directory it covers, unless it is told another") {
  Sandbox box;
  test::make_directory(box.layer("covered"), 01711);
  box.spec.mounts.push_back(entry("/covered", "tmpfs", "", {}));
  box.spec.mounts.push_back(entry("/missing", "tmpfs", "", {}));
  CHECK(output(box.sh("stat -c %a /covered /missing")) == "1711\n1777\n");
  box.spec.mounts.back() = entry("/covered", "tmpfs", "", {"mode=750"});
  CHECK(output(box.sh("stat -c %a /covered")) == "750\n");
  box.spec.mounts.back() = entry("/covered", "tmpfs", "", {"tmpcopyup", "ro"});
  CHECK(output(box.sh("stat -c %a /covered; touch /covered/x 2>&1")) ==
        "1711\ntouch: /covered/x: Read-only file system\n");
}

TEST_CASE("a remount changes what is there: attributes, and the file system's own options") {
  Sandbox box;
  box.spec.mounts.push_back(entry("/x", "tmpfs", "", {"size=64k", "nosuid"}));
  box.spec.mounts.push_back(entry("/x", "tmpfs", "", {"remount", "size=128k", "noexec"}));
  const std::string line = output(box.sh("grep ' /x ' /proc/self/mountinfo"));
  CHECK(has(line, "rw,nosuid,noexec"));
  CHECK(has(line, "size=128k"));
  box.spec.mounts.push_back(entry("/x", "", "", {"shared"}));
  CHECK(has(output(box.sh("grep ' /x ' /proc/self/mountinfo")), "shared:"));
  box.spec.mounts.push_back(entry("/etc", "", "", {"remount", "ro"}));
  const auto ran = box.run({"true"});
  REQUIRE_FALSE(ran);
  CHECK(has(ran.error().text(), "change the mount at '/etc': Invalid argument"));
  CHECK(has(ran.error().hint(), "nothing is mounted"));
}

TEST_CASE("a source or a destination that is a link can be meant itself") {
  Sandbox box;
  test::make_file(box.path() + "/source/file", "content");
  test::make_link("../elsewhere", box.path() + "/source/link");
  test::make_file(box.layer("etc/target"), "covered");
  test::make_link("target", box.layer("etc/link"));
  box.spec.mounts.push_back(entry("/etc/link", "bind", box.path() + "/source/file", {"bind", "dest-nofollow"}));
  box.spec.mounts.push_back(entry("/made", "bind", box.path() + "/source/link", {"bind", "src-nofollow"}));
  CHECK(output(box.sh("cat /etc/link /etc/target; readlink /made")) == "contentcovered../elsewhere\n");
}

TEST_CASE("copy-symlink makes a link again, and binds what is none") {
  Sandbox box;
  test::make_file(box.path() + "/source/file", "content");
  test::make_link("../elsewhere", box.path() + "/source/link");
  box.spec.mounts.push_back(entry("/new/link", "bind", box.path() + "/source/link", {"bind", "copy-symlink"}));
  box.spec.mounts.push_back(entry("/new/file", "bind", box.path() + "/source/file", {"bind", "copy-symlink"}));
  const std::string script = "readlink /new/link; cat /new/file; grep -c ' /new/' /proc/self/mountinfo";
  CHECK(output(box.sh(script)) == "../elsewhere\ncontent1\n");
  // The same link may be there already, as after a restart; another one may not.
  CHECK(output(box.sh(script)) == "../elsewhere\ncontent1\n");
  test::make_link("other", box.path() + "/source/other");
  box.spec.mounts.push_back(entry("/new/link", "bind", box.path() + "/source/other", {"bind", "copy-symlink"}));
  CHECK(has(output(box.sh("true")), "at '/new/link': File exists"));
}

TEST_CASE("options longer than the new mount calls take are mounted all the same") {
  Sandbox box;
  std::string lower;
  for (int i = 0; i < 2; ++i) {
    const std::string layer = box.path() + "/" + std::string(180, static_cast<char>('a' + i));
    test::make_file(layer + "/file" + std::to_string(i), "x");
    lower += (i == 0 ? "" : ":") + layer;
  }
  box.spec.mounts.push_back(entry("/over", "overlay", "overlay", {"noexec", "lowerdir=" + lower, "userxattr"}));
  CHECK(output(box.sh("ls /over; grep -c ' /over ro\\?w\\?,.*noexec' /proc/self/mountinfo")) == "file0\nfile1\n1\n");
}

TEST_CASE("with the host's network or pid namespace the host's file systems stand in") {
  Sandbox box;
  drop_namespace(&box, NamespaceType::network);
  drop_namespace(&box, NamespaceType::pid);
  box.spec.linux_config.masked_paths.clear();
  box.spec.linux_config.readonly_paths.clear();
  const std::string own = std::to_string(::getpid());
  CHECK(output(box.sh("ls -d /proc/" + own + "; touch /sys/kernel/x 2>&1; ls -d /sys/kernel/mm")) ==
        "/proc/" + own + "\ntouch: /sys/kernel/x: Read-only file system\n/sys/kernel/mm\n");
}

TEST_CASE("files of the host cannot be shown under other ids by who does not own their file system") {
  Sandbox box;
  test::make_file(box.path() + "/source/file", "content");
  SpecMount mount = entry("/x", "bind", box.path() + "/source", {"bind", "idmap"});
  mount.ids = {.uids = {{.inside = 0, .outside = 5000, .size = 10}},
               .gids = {{.inside = 0, .outside = 6000, .size = 10}}};
  box.spec.mounts.push_back(mount);
  if (!box.host.privileged()) {
    const auto ran = box.run({"true"});
    REQUIRE_FALSE(ran);
    CHECK(has(ran.error().text(), "/source' at '/x': "));
    CHECK(has(ran.error().hint(), "only root of the host"));
    return;
  }
  drop_namespace(&box, NamespaceType::user);
  box.spec.linux_config.ids = {};
  CHECK(output(box.sh("stat -c %u:%g /x/file")) == "5000:6000\n");
}

TEST_CASE("only a procfs becomes /proc") {
  Sandbox box;
  test::make_directory(box.path() + "/fake/self");
  std::erase_if(box.spec.mounts, [](const auto& mount) { return mount.destination == "/proc"; });
  box.spec.mounts.insert(box.spec.mounts.begin(), entry("/proc", "bind", box.path() + "/fake", {"rbind"}));
  const auto ran = box.run({"true"});
  REQUIRE_FALSE(ran);
  CHECK(has(ran.error().text(), "at '/proc': Invalid cross-device link"));
}

TEST_CASE("the host's cgroups are read-only in a user namespace, whatever was asked for") {
  Sandbox box;
  if (box.host.cgroup.mode == CgroupMode::none) return;
  drop_namespace(&box, NamespaceType::cgroup);
  for (SpecMount& mount : box.spec.mounts) {
    if (mount.type == "cgroup") std::erase(mount.options, "ro");
  }
  const std::string lines = output(box.sh("grep -E ' - cgroup2? ' /proc/self/mountinfo"));
  CHECK(has(lines, " - cgroup"));
  CHECK_FALSE(has(lines, " rw,nosuid"));
}

TEST_CASE("a cgroup namespace of its own shows nothing above the container") {
  Sandbox box;
  if (box.host.cgroup.mode == CgroupMode::none) return;
  CHECK_FALSE(has(output(box.sh("grep -E ' - cgroup2? ' /proc/self/mountinfo")), "/.."));
  if (box.host.cgroup.hierarchies.empty()) return;
  CHECK(output(box.sh("ls /sys/fs/cgroup | wc -l; touch /sys/fs/cgroup/x 2>&1")) !=
        "0\ntouch: /sys/fs/cgroup/x: Read-only file system\n");
}

TEST_CASE("pipes and devices are made anywhere, with their modes; a file in the way is an error") {
  Sandbox box;
  const auto device = [](const char* path, const char* type, int major, int minor) {
    return SpecDevice{
        .path = path, .type = type, .major = major, .minor = minor, .file_mode = 0640, .uid = 0, .gid = 0};
  };
  box.spec.linux_config.devices = {device("/deep/er/pipe", "p", 0, 0), device("/dev/zero", "u", 1, 5)};
  CHECK(output(box.sh("stat -c '%F %a' /deep/er/pipe; stat -c '%F %t:%T' /dev/zero")) ==
        "fifo 640\ncharacter special file 1:5\n");
  // What an earlier start has left is not in the way.
  CHECK(output(box.sh("stat -c %F /deep/er/pipe")) == "fifo\n");
  test::make_file(box.layer("etc/full"), "content");
  box.spec.linux_config.devices = {device("/etc/full", "p", 0, 0)};
  CHECK(has(output(box.sh("true")), "make device '/etc/full': File exists"));
}

TEST_CASE("host name and domain name are the container's own") {
  Sandbox box;
  box.spec.domainname = "example.org";
  CHECK(output(box.sh("hostname; cat /proc/sys/kernel/domainname")) == "sandbox\nexample.org\n");
}

TEST_CASE("sysctls can be spelled with dots or slashes") {
  Sandbox box;
  box.spec.linux_config.sysctl = {
      {"net.ipv4.ip_forward", "1"}, {"net/ipv4/conf/lo/log_martians", "1"}, {"fs.mqueue.msg_max", "9"}};
  CHECK(output(box.sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/lo/log_martians "
                      "/proc/sys/fs/mqueue/msg_max")) == "1\n1\n9\n");
}

// Namespaces for real: joined, fresh, shared with the host.
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/netlink.h"
#include "runtime/launch.h"
#include "tests/catch.h"
#include "tests/unit/runtime/support.h"

using namespace ctr;
using namespace ctr::runtime;
using ctr::test::has;
using ctr::test::Ran;
using ctr::test::Sandbox;

namespace {

void set_namespace(Sandbox* box, NamespaceType type, const std::string& path) {
  auto& namespaces = box->spec.linux_config.namespaces;
  std::erase_if(namespaces, [&](const auto& entry) { return entry.type == type; });
  namespaces.push_back({.type = type, .path = path});
}

void drop_namespace(Sandbox* box, NamespaceType type) {
  std::erase_if(box->spec.linux_config.namespaces, [&](const auto& entry) { return entry.type == type; });
}

std::string namespace_path(const Launched& container, const char* file) {
  return fmt::format("/proc/{}/ns/{}", container.init.pid(), file);
}

void drop_mounts(Sandbox* box) {
  box->spec.mounts.clear();
  box->spec.linux_config.masked_paths.clear();
  box->spec.linux_config.readonly_paths.clear();
}

// Puts this process into a fresh network namespace, and back.
class OtherNetwork {
 public:
  OtherNetwork() : own_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) { REQUIRE(::unshare(CLONE_NEWNET) == 0); }
  OtherNetwork(const OtherNetwork&) = delete;
  OtherNetwork& operator=(const OtherNetwork&) = delete;
  ~OtherNetwork() { (void)::setns(own_.get(), CLONE_NEWNET); }

  // A pair of devices, of which the first is named and has the address.
  void add_device(const std::string& name, const std::string& address, uint8_t prefix_bits) {
    const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    NetlinkRequest link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 1, ifinfomsg{});
    link.attribute(IFLA_IFNAME, name.c_str(), name.size() + 1);
    // IFLA_INFO_KIND inside of IFLA_LINKINFO.
    std::string kind = {9, 0, IFLA_INFO_KIND, 0, 'v', 'e', 't', 'h', 0};
    link.attribute(IFLA_LINKINFO, kind.data(), kind.size());
    REQUIRE(exchange_netlink(socket.get(), link, 1, "add a device"));
    ifaddrmsg header{};
    header.ifa_family = AF_INET;
    header.ifa_prefixlen = prefix_bits;
    header.ifa_index = ::if_nametoindex(name.c_str());
    NetlinkRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, 2, header);
    request.attribute(IFA_LOCAL, address.data(), address.size());
    request.attribute(IFA_ADDRESS, address.data(), address.size());
    REQUIRE(exchange_netlink(socket.get(), request, 2, "add an address"));
  }

 private:
  Fd own_;
};

constexpr std::pair<NamespaceType, const char*> k_files[] = {
    {NamespaceType::pid, "pid"}, {NamespaceType::network, "net"},   {NamespaceType::ipc, "ipc"},
    {NamespaceType::uts, "uts"}, {NamespaceType::cgroup, "cgroup"}, {NamespaceType::time, "time"},
};

}  // namespace

TEST_CASE("the clocks of a time namespace are ahead by the offsets") {
  Sandbox box;
  set_namespace(&box, NamespaceType::time, "");
  box.spec.linux_config.time_offsets.boottime = SpecTimeOffset{.secs = 500'000'000, .nanosecs = 5};
  box.spec.linux_config.time_offsets.monotonic = SpecTimeOffset{.secs = 7, .nanosecs = 0};
  const std::string out = output(box.sh("cut -c1-4 /proc/uptime; echo $(cat /proc/self/timens_offsets) $$"));
  CHECK(out.starts_with("5000"));
  // The process that set them is not in the container.
  CHECK(has(out, "\nmonotonic 7 0 boottime 500000000 5 1\n"));
  box.spec.linux_config.time_offsets.boottime->secs = -500'000'000;
  CHECK(has(output(box.sh("true")), "set the clocks of the time namespace: Numerical result out of range"));
}

TEST_CASE("every namespace can be another container's") {
  Sandbox first;
  set_namespace(&first, NamespaceType::time, "");
  const auto container = first.start({"sleep", "100"});
  REQUIRE(container);
  Sandbox second;
  second.spec.hostname.clear();
  set_namespace(&second, NamespaceType::user, namespace_path(*container, "user"));
  for (const auto& [type, file] : k_files) set_namespace(&second, type, namespace_path(*container, file));
  std::string script = "hostname; [ $$ != 1 ] && echo not first;";
  for (const auto& [type, file] : k_files) {
    script += fmt::format("[ $(readlink /proc/self/ns/{0}) = $(readlink /proc/1/ns/{0}) ] || echo differs {0};", file);
  }
  CHECK(output(second.sh(script)) == "sandbox\nnot first\n");
}

TEST_CASE("a path of another type, or of no namespace, is an error that says so") {
  Sandbox first;
  const auto container = first.start({"sleep", "100"});
  REQUIRE(container);
  for (const std::string& path : {namespace_path(*container, "uts"), std::string("/etc/passwd")}) {
    Sandbox second;
    set_namespace(&second, NamespaceType::user, namespace_path(*container, "user"));
    set_namespace(&second, NamespaceType::ipc, path);
    const auto ran = second.run({"true"});
    REQUIRE_FALSE(ran);
    CHECK(ran.error().code() == Errc::invalid);
    CHECK(ran.error().text() == "join ipc namespace '" + path + "': it is no namespace of this type");
  }
  Sandbox third;
  set_namespace(&third, NamespaceType::ipc, "/no/such/namespace");
  CHECK(has(output(third.sh("true")), "join ipc namespace '/no/such/namespace': No such file or directory"));
}

TEST_CASE("id maps that are not those of the joined user namespace are refused") {
  Sandbox first;
  const auto container = first.start({"sleep", "100"});
  REQUIRE(container);
  Sandbox second;
  set_namespace(&second, NamespaceType::user, namespace_path(*container, "user"));
  CHECK(output(second.sh("id -u")) == "0\n");
  second.spec.linux_config.ids.uids[0].outside += 1;
  CHECK(has(output(second.sh("id -u")), "uidMappings ("));
  second.spec.linux_config.ids = {};
  CHECK(output(second.sh("id -u")) == "0\n");
}

TEST_CASE("names and sysctls of the host cannot be set through a path to its namespaces") {
  Sandbox box;
  set_namespace(&box, NamespaceType::uts, "/proc/self/ns/uts");
  CHECK(has(output(box.sh("true")), "uts namespace '/proc/self/ns/uts', which is the host's: Operation not permitted"));
  Sandbox other;
  set_namespace(&other, NamespaceType::network, "/proc/self/ns/net");
  other.spec.linux_config.sysctl = {{"net.ipv4.ip_forward", "1"}};
  CHECK(has(output(other.sh("true")), "network namespace '/proc/self/ns/net', which is the host's"));
}

TEST_CASE("without a mount namespace the root is a directory of the host") {
  Sandbox box;
  drop_namespace(&box, NamespaceType::mount);
  drop_mounts(&box);
  box.plan = RootfsPlan();
  box.plan.directory = box.path() + "/layer";
  test::make_file(box.layer("etc/here"), "content");
  CHECK(output(box.sh("cat /etc/here; cd /..; ls -d etc; [ -e proc ] || echo no more")) == "contentetc\nno more\n");
}

TEST_CASE("a mount namespace that is joined brings its root along") {
  Sandbox first;
  test::make_file(first.layer("etc/first"), "content");
  const auto container = first.start({"sleep", "100"});
  REQUIRE(container);
  Sandbox second;
  drop_mounts(&second);
  set_namespace(&second, NamespaceType::user, namespace_path(*container, "user"));
  set_namespace(&second, NamespaceType::mount, namespace_path(*container, "mnt"));
  CHECK(output(second.sh("cat /etc/first; cd /..; ls -d etc/first")) == "contentetc/first\n");
}

TEST_CASE("the root can be moved to where the host's root is, and hides its kernel file systems") {
  Sandbox box;
  box.root_entry = LaunchRequest::RootEntry::move;
  test::make_file(box.layer("etc/here"), "content");
  CHECK(output(box.sh("cat /etc/here; cd /..; ls -d etc/here; grep -c ' / / ' /proc/self/mountinfo")) ==
        "contentetc/here\n1\n");
  CHECK(output(box.sh("ls /../../proc/self/root/../etc")) == "here\n");
}

TEST_CASE("the root has the propagation of the specification") {
  const auto root_line = [](const char* propagation) {
    Sandbox box;
    box.spec.linux_config.rootfs_propagation = propagation;
    return output(box.sh("grep ' / / ' /proc/self/mountinfo"));
  };
  CHECK(has(root_line("shared"), "shared:"));
  CHECK(has(root_line("rshared"), "shared:"));
  CHECK(has(root_line("unbindable"), "unbindable"));
  CHECK_FALSE(has(root_line("private"), "shared:"));
  CHECK_FALSE(has(root_line("rslave"), "shared:"));
}

TEST_CASE("network devices of root move into the container, renamed and up, with their addresses") {
  Sandbox box;
  box.spec.linux_config.net_devices = {{"ctr-one", ""}, {"ctr-two", "inside%d"}};
  if (!box.host.privileged()) {
    CHECK(has(output(box.sh("true")), "netDevices: only root can move the device 'ctr-one'"));
    return;
  }
  OtherNetwork network;
  network.add_device("ctr-one", "\x0a\x09\x08\x07", 24);
  CHECK(has(output(box.sh("true")), "netDevices: network device 'ctr-two' is not there"));
  // Nothing moves unless everything can.
  CHECK(::if_nametoindex("ctr-one") != 0);
  network.add_device("ctr-two", "\x0a\x09\x09\x07", 16);
  const std::string out = output(box.sh("ip -o link; ip -o address"));
  CAPTURE(out);
  CHECK(has(out, "ctr-one"));
  CHECK(has(out, "inside0"));
  CHECK(has(out, "10.9.8.7/24"));
  CHECK(has(out, "10.9.9.7/16"));
  CHECK_FALSE(has(out, "ctr-two"));
  CHECK(::if_nametoindex("ctr-one") == 0);
}

#include "engine/mounts.h"

#include "engine/hosts.h"
#include "tests/catch.h"

namespace ctr::engine {

namespace {

const VolumeNaming k_naming = {[] { return std::string("anon"); },
                               [](const std::string& name) { return "/store/volumes/" + name + "/_data"; }};

Result<MountPlan> plan(std::vector<MountSpec> mounts, const std::set<std::string>& volumes = {}) {
  ContainerSpec spec;
  spec.mounts = std::move(mounts);
  return plan_mounts(spec, volumes, k_naming);
}

MountSpec bind(std::string source, std::string destination, std::vector<std::string> options = {}) {
  return {MountSpec::Type::bind, std::move(source), std::move(destination), std::move(options), ""};
}

}  // namespace

TEST_CASE("a bind mount is private and recursive unless it says otherwise") {
  const auto planned = plan({bind("/src", "/dst")});
  REQUIRE(planned);
  CHECK(planned->mounts[0].mount == runtime::SpecMount{"/dst", "bind", "/src", {"rw", "rprivate", "rbind"}});
  CHECK(planned->mounts[0].record.writable);
  const auto other = plan({bind("/src", "/dst", {"ro", "bind", "rshared", "noexec", "z"})});
  REQUIRE(other);
  CHECK(other->mounts[0].mount.options == std::vector<std::string>{"ro", "noexec", "rshared", "bind"});
  CHECK_FALSE(other->mounts[0].record.writable);
}

TEST_CASE("a tmpfs starts with what the image has there") {
  const auto planned = plan({{MountSpec::Type::tmpfs, "", "/tmp", {"size=64m"}, ""}});
  REQUIRE(planned);
  CHECK(planned->mounts[0].mount ==
        runtime::SpecMount{
            "/tmp", "tmpfs", "tmpfs", {"rw", "size=64m", "nosuid", "nodev", "noexec", "rprivate", "tmpcopyup"}});
}

TEST_CASE("an image's volume becomes an anonymous one, unless something is mounted there by hand") {
  const auto anonymous = plan({}, {"/data/"});
  REQUIRE(anonymous);
  REQUIRE(anonymous->volumes.size() == 1);
  CHECK(anonymous->volumes[0] == VolumeUse{"anon", "/data", true, true});
  CHECK(anonymous->mounts[0].mount.source == "/store/volumes/anon/_data");
  const auto named = plan({{MountSpec::Type::volume, "mine", "/data", {"nocopy"}, ""}}, {"/data"});
  REQUIRE(named);
  REQUIRE(named->volumes.size() == 1);
  CHECK(named->volumes[0] == VolumeUse{"mine", "/data", false, false});
}

TEST_CASE("parents are mounted before children") {
  const auto planned = plan({bind("/a", "/x/y/z"), bind("/b", "/x")});
  REQUIRE(planned);
  CHECK(planned->mounts[0].mount.destination == "/x");
}

TEST_CASE("mounts that cannot be are refused by name") {
  CHECK(plan({bind("/a", "/x"), bind("/b", "/x/")}).error().message() == "/x: duplicate mount destination");
  CHECK(plan({bind("/a", "x")}).error().message() == "invalid container path \"x\", must be an absolute path");
  CHECK_FALSE(plan({bind("/a", "/x/..")}));
  CHECK(plan({bind("/a", "/x", {"nosuch"})}).error().message() == "invalid option 'nosuch' for the mount at '/x'");
  CHECK(plan({bind("/a", "/x", {"U"})}).error().code() == Errc::unsupported);
  CHECK(plan({bind("a", "/x")}).error().code() == Errc::invalid);
}

TEST_CASE("a missing source of a bind mount has podman's words") {
  const auto planned = plan({bind("/nonexistent", "/x")});
  REQUIRE(planned);
  CHECK(check_sources(*planned).error().message() == "statfs /nonexistent: no such file or directory");
}

TEST_CASE("a read-only container gets writable scratch places") {
  ContainerSpec spec;
  spec.read_only = true;
  const auto planned = plan_mounts(spec, {}, k_naming);
  REQUIRE(planned);
  CHECK(planned->covers("/tmp"));
  CHECK(planned->covers("/run"));
  CHECK(planned->covers("/var/tmp"));
  spec.read_only_tmpfs = false;
  CHECK(plan_mounts(spec, {}, k_naming)->mounts.empty());
}

TEST_CASE("the hosts file joins base, entries by hand, the host and the own names") {
  HostsInput input;
  input.base = "127.0.0.1 localhost # me\n10.1.1.1 db other\n";
  input.add_hosts = {"db:10.2.2.2", "gate:host-gateway"};
  input.own_names = {"abc", "web"};
  input.own_address = "10.0.2.100";
  input.host_address = "192.0.2.7";
  CHECK(*hosts_file(input) ==
        "127.0.0.1\tlocalhost\n10.1.1.1\tother\n10.2.2.2\tdb\n192.0.2.7\tgate\n"
        "192.0.2.7\thost.containers.internal host.docker.internal\n10.0.2.100\tabc web\n");
}

TEST_CASE("a hosts file always knows localhost") { CHECK(*hosts_file({}) == "127.0.0.1\tlocalhost\n::1\tlocalhost\n"); }

TEST_CASE("host entries are checked") {
  CHECK(parse_add_host("a;b:[::1]").value() == HostEntry{{"a", "b"}, "::1"});
  for (const char* text : {"a", "a:", ":1.2.3.4", "a:nonsense", "a b:1.2.3.4", "a\n1.1.1.1 evil:1.2.3.4"}) {
    CHECK_FALSE(parse_add_host(text));
  }
}

TEST_CASE("resolv.conf names the forwarder and keeps the host's search list") {
  ResolvInput input;
  input.host_text = "# x\nsearch a.example b.example\nnameserver 192.0.2.1\noptions edns0\n";
  input.forwarder = "10.0.2.3";
  CHECK(resolv_conf_file(input) == "search a.example b.example\nnameserver 10.0.2.3\noptions edns0\n");
  input.servers = {"9.9.9.9"};
  input.search = {"."};
  CHECK(resolv_conf_file(input) == "nameserver 9.9.9.9\noptions edns0\n");
}

TEST_CASE("/run/.containerenv tells about the container only when privileged") {
  CHECK(container_env_file({"1", "n", "i", "img", "id", true, false}).empty());
  CHECK(container_env_file({"1", "n\"x", "i", "img", "id", true, true}) ==
        "engine=\"ctr-1\"\nname=\"n\\\"x\"\nid=\"i\"\nimage=\"img\"\nimageid=\"id\"\nrootless=1\n");
}

}  // namespace ctr::engine

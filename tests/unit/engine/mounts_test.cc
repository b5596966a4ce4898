#include "engine/mounts.h"

#include "base/file.h"
#include "engine/hosts.h"
#include "engine/mount_sources.h"
#include "engine/network/host_names.h"
#include "tests/catch.h"
#include "tests/temporary_dir.h"

namespace ctr::engine {

namespace {

MountPlaces places() {
  MountPlaces out;
  out.make_name = [] { return std::string("anon"); };
  out.data_path = [](const std::string& name) { return "/store/volumes/" + name + "/_data"; };
  out.file_system = [](const std::string& name) -> Result<std::optional<VolumeFileSystem>> {
    if (name == "memory") return std::optional(VolumeFileSystem{"tmpfs", "tmpfs", {"size=2m", "noexec"}});
    if (name == "relative") return std::optional(VolumeFileSystem{"bind", "elsewhere", {}});
    if (name == "bound") return std::optional(VolumeFileSystem{"none", "/elsewhere", {"bind"}});
    return std::optional<VolumeFileSystem>();
  };
  out.image = [](const std::string& name, const std::string& subpath) -> Result<ImageLayers> {
    if (!subpath.empty()) return ImageLayers{"1d", {"/store/layers/t/diff/" + subpath}};
    if (name == "thin") return ImageLayers{"1d", {"/store/layers/t/diff"}};
    if (name == "thick") return ImageLayers{"2d", {"/store/layers/b/diff", "/store/layers/a/diff"}};
    return Error(Errc::not_found, name + ": image not known");
  };
  out.check_overlays = [] { return ok(); };
  out.bundle = "/store/containers/c";
  out.home = "/home/me";
  return out;
}

Result<MountPlan> plan(std::vector<MountSpec> mounts, const std::set<std::string>& volumes = {}) {
  ContainerSpec spec;
  spec.mounts = std::move(mounts);
  return plan_mounts(spec, spec.mounts, volumes, places());
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

TEST_CASE("an overlay shows the source and keeps what is written in the container's directory") {
  const auto planned = plan({bind("/a", "/x", {"O", "noexec"})});
  REQUIRE(planned);
  const auto& mount = planned->mounts[0];
  CHECK(mount.mount ==
        runtime::SpecMount{"/x",
                           "overlay",
                           "overlay",
                           {"rw", "noexec", "rprivate", "lowerdir=/a", "upperdir=/store/containers/c/overlay/0/upper",
                            "workdir=/store/containers/c/overlay/0/work", "userxattr"}});
  CHECK(mount.record.type == "bind");
  CHECK(mount.record.source == "/a");
  CHECK(mount.record.scratch == "overlay/0");
  CHECK(mount.record.options == std::vector<std::string>{"rw", "noexec", "rprivate", "O"});
  const auto own = plan({bind("/a", "/x", {"O", "upperdir=/u", "workdir=/w"})});
  REQUIRE(own);
  CHECK(own->mounts[0].record.overlay);
  CHECK(own->mounts[0].record.scratch.empty());
  CHECK(own->mounts[0].mount.options[3] == "upperdir=/u");
  const auto two = plan({bind("/a", "/x", {"O"}), {MountSpec::Type::volume, "mine", "/y", {"O"}, ""}});
  REQUIRE(two);
  CHECK(two->mounts[1].record.scratch == "overlay/1");
  CHECK(two->mounts[1].mount.options[2] == "lowerdir=/store/volumes/mine/_data");
  CHECK(two->volumes[0].name == "mine");
}

TEST_CASE("options that contradict each other are refused") {
  for (const std::vector<std::string>& options : std::vector<std::vector<std::string>>{
           {"upperdir=/u", "workdir=/w"}, {"O", "upperdir=/u"}, {"O", "upperdir=u", "workdir=w"}, {"O", "U"}}) {
    const auto planned = plan({MountSpec{MountSpec::Type::bind, "/a", "/x", options, ""}});
    REQUIRE_FALSE(planned);
    CHECK(planned.error().code() == Errc::invalid);
    CHECK(planned.error().message().find("'/x'") != std::string::npos);
  }
  CHECK_FALSE(plan({{MountSpec::Type::tmpfs, "", "/x", {"O"}, ""}}));
  CHECK(plan({{MountSpec::Type::volume, "memory", "/x", {"O"}, ""}}).error().code() == Errc::unsupported);
  CHECK(plan({bind("/a:b", "/x", {"O"})}).error().code() == Errc::unsupported);
}

TEST_CASE("where the kernel has no overlays for users there are none") {
  auto without = places();
  without.check_overlays = []() -> Result<void> { return Error(Errc::unsupported, "no overlays here"); };
  const auto planned = plan_mounts({}, {bind("/a", "/x", {"O"})}, {}, without);
  REQUIRE_FALSE(planned);
  CHECK(planned.error().message() == "no overlays here");
}

TEST_CASE("an image is mounted below a directory of the container, never its layers themselves") {
  const auto thin = plan({{MountSpec::Type::image, "thin", "/i", {}, ""}});
  REQUIRE(thin);
  CHECK(thin->mounts[0].mount.type == "overlay");
  CHECK(thin->mounts[0].mount.options[0] == "ro");
  CHECK(thin->mounts[0].record.scratch == "overlay/0");
  CHECK(thin->mounts[0].record.image_id == "1d");
  CHECK(thin->mounts[0].record.source == "thin");
  CHECK_FALSE(thin->mounts[0].record.writable);
  const auto thick = plan({{MountSpec::Type::image, "thick", "/i", {}, ""}});
  REQUIRE(thick);
  CHECK(thick->mounts[0].mount.options == std::vector<std::string>{"ro", "nosuid", "nodev", "rprivate",
                                                                   "lowerdir=/store/layers/b/diff:/store/layers/a/diff",
                                                                   "userxattr"});
  CHECK(thick->mounts[0].record.scratch.empty());
  const auto written = plan({{MountSpec::Type::image, "thick", "/i", {"rw"}, ""}});
  REQUIRE(written);
  CHECK(written->mounts[0].record.scratch == "overlay/0");
  CHECK(written->mounts[0].record.writable);
  const auto part = plan({{MountSpec::Type::image, "thin", "/i", {}, "etc"}});
  REQUIRE(part);
  CHECK(part->mounts[0].record.subpath == "etc");
  CHECK(part->mounts[0].mount.options[4] == "lowerdir=/store/layers/t/diff/etc");
}

TEST_CASE("the volumes of an image can be in memory, or left out") {
  ContainerSpec spec;
  spec.image_volumes = ImageVolumes::tmpfs;
  const auto memory = plan_mounts(spec, {}, {"/data"}, places());
  REQUIRE(memory);
  CHECK(memory->mounts[0].mount.type == "tmpfs");
  CHECK(memory->volumes.empty());
  spec.image_volumes = ImageVolumes::ignore;
  CHECK(plan_mounts(spec, {}, {"/data"}, places())->mounts.empty());
}

TEST_CASE("a part of a volume is mounted as it is") {
  const auto planned = plan({{MountSpec::Type::volume, "mine", "/x", {}, "a/b"}});
  REQUIRE(planned);
  CHECK(planned->mounts[0].mount.options.back() == "x-ctr.subpath=a/b");
  CHECK_FALSE(planned->volumes[0].copy_up);
  CHECK(planned->mounts[0].record.subpath == "a/b");
  const auto made = plan({{MountSpec::Type::volume, "mine", "/x", {}, "a/b", true}});
  CHECK(made->mounts[0].mount.options.back() == "x-ctr.made-subpath=a/b");
  CHECK(plan({{MountSpec::Type::volume, "memory", "/x", {}, "a"}}).error().code() == Errc::unsupported);
}

TEST_CASE("memory without a limit takes a mode and nothing else") {
  const auto planned = plan({{MountSpec::Type::ramfs, "", "/r", {"mode=700"}, ""}});
  REQUIRE(planned);
  CHECK(planned->mounts[0].mount ==
        runtime::SpecMount{"/r", "ramfs", "ramfs", {"rw", "mode=700", "nosuid", "nodev", "noexec", "rprivate"}});
  CHECK_FALSE(plan({{MountSpec::Type::ramfs, "", "/r", {"size=1m"}, ""}}));
  CHECK_FALSE(plan({{MountSpec::Type::ramfs, "", "/r", {"U"}, ""}}));
}

TEST_CASE("what another container mounts is mounted once more") {
  MountRecord record;
  record.type = "volume";
  record.name = "mine";
  record.source = "/store/volumes/mine/_data";
  record.destination = "/data";
  record.options = {"rw", "nosuid", "nodev", "rprivate", "rbind"};
  record.copy_up = false;
  CHECK(*inherited_mount(record, {}) ==
        MountSpec{MountSpec::Type::volume, "mine", "/data", {"rw", "nosuid", "nodev", "nocopy"}, ""});
  CHECK(*inherited_mount(record, {"ro"}) == MountSpec{MountSpec::Type::volume, "mine", "/data", {"ro", "nocopy"}, ""});
  record.type = "bind";
  CHECK(inherited_mount(record, {})->source == "/store/volumes/mine/_data");
  record.overlay = true;
  CHECK_FALSE(inherited_mount(record, {}));
  record.overlay = false;
  record.type = "tmpfs";
  CHECK_FALSE(inherited_mount(record, {}));
  CHECK(*parse_volumes_from("web:ro,z") == VolumesFrom{"web", {"ro", "z"}});
  CHECK(parse_volumes_from("web:U").error().message() ==
        "invalid option \"U\" specified - volumes from another container can only use z,ro,rw options");
  CHECK(parse_volumes_from("web:ro,rw").error().message() == "cannot set ro or rw options more than once");
  CHECK_FALSE(parse_volumes_from(":ro"));
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
  CHECK(plan({bind("a", "/x")}).error().code() == Errc::invalid);
}

TEST_CASE("U gives a source to the container's user, and never the host's own directories") {
  const auto planned = plan({bind("/srv/data", "/x", {"U"}), {MountSpec::Type::tmpfs, "", "/t", {"U"}, ""}});
  REQUIRE(planned);
  CHECK(planned->mounts[0].record.chown);
  auto owned = *planned;
  own_memory_mounts(owned, 5, 6);
  CHECK(owned.mounts[0] == planned->mounts[0]);
  CHECK(owned.mounts[1].mount.options.back() == "gid=6");
  for (const char* path : {"/", "/etc", "/usr/", "/var/lib/../lib", "/home/me"}) {
    CHECK(plan({bind(path, "/x", {"U"})}).error().code() == Errc::invalid);
    CHECK(plan({bind(path, "/x")}));
  }
}

TEST_CASE("a volume can be a file system of its own") {
  const auto planned =
      plan({{MountSpec::Type::volume, "memory", "/m", {"ro"}, ""}, {MountSpec::Type::volume, "bound", "/b", {}, ""}});
  REQUIRE(planned);
  CHECK(planned->mounts[0].mount ==
        runtime::SpecMount{
            "/m", "tmpfs", "tmpfs", {"ro", "nosuid", "nodev", "rprivate", "size=2m", "noexec", "tmpcopyup"}});
  CHECK(planned->mounts[0].record.source == "/store/volumes/memory/_data");
  CHECK(planned->mounts[1].mount ==
        runtime::SpecMount{"/b", "bind", "/elsewhere", {"rw", "nosuid", "nodev", "rprivate", "bind"}});
}

TEST_CASE("a volume that binds needs an absolute path, and belongs to whom it belongs") {
  CHECK(plan({{MountSpec::Type::volume, "relative", "/b", {}, ""}}).error().message() ==
        "the volume relative binds \"elsewhere\", must be an absolute path");
  CHECK(plan({{MountSpec::Type::volume, "bound", "/b", {"U"}, ""}}).error().code() == Errc::unsupported);
  CHECK(plan({{MountSpec::Type::volume, "memory", "/b", {"U"}, ""}}));
}

TEST_CASE("a devpts takes its own options over the usual ones") {
  const auto planned = plan({{MountSpec::Type::devpts, "", "/p", {"uid=3", "ptmxmode=0600"}, ""}});
  REQUIRE(planned);
  CHECK(planned->mounts[0].mount.options ==
        std::vector<std::string>{"nosuid", "noexec", "newinstance", "uid=3", "ptmxmode=0600"});
}

TEST_CASE("a mount whose ids are mapped says so, and fills a volume only where it is known who owns what") {
  const auto planned = plan({bind("/a", "/x", {"idmap"}),
                             {MountSpec::Type::volume, "own", "/v", {"idmap"}, ""},
                             {MountSpec::Type::volume, "map", "/w", {"idmap=uids=0-1-2;gids=0-1-2"}, ""}});
  REQUIRE(planned);
  for (const auto& mount : planned->mounts) CHECK(mount.record.id_mapped);
  CHECK(planned->mounts[0].mount.options.back() == "idmap");
  CHECK(planned->mounts[1].record.copy_up);
  CHECK(planned->mounts[2].mount.options.back() == "idmap=uids=0-1-2;gids=0-1-2");
  CHECK_FALSE(planned->mounts[2].record.copy_up);
  for (const char* word : {"O", "U"}) {
    const auto wrong = plan({bind("/a", "/x", {"idmap", word})});
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().message() ==
          fmt::format("the options 'idmap' and '{}' cannot be used together for the mount at '/x'", word));
  }
  CHECK_FALSE(plan({{MountSpec::Type::volume, "own", "/v", {"idmap"}, "part"}}));
  CHECK_FALSE(plan({{MountSpec::Type::volume, "memory", "/v", {"idmap"}, ""}}));
  CHECK_FALSE(plan({{MountSpec::Type::tmpfs, "", "/v", {"idmap"}, ""}}));
}

TEST_CASE("directories of an overlay come in pairs and with the overlay") {
  for (const auto& words : std::vector<std::vector<std::string>>{{"upperdir=/u"}, {"O", "upperdir=/u"}}) {
    const auto planned = plan({{MountSpec::Type::bind, "/a", "/x", words, ""}});
    REQUIRE_FALSE(planned);
    CHECK(planned.error().code() == Errc::invalid);
  }
}

TEST_CASE("a glob is a path with stars that do not cross directories") {
  const test::TemporaryDir temp;
  const auto dir = Dir::open(temp.path());
  REQUIRE(dir);
  for (const char* name : {"b", "a", "sub", "sub/a", ".a"}) REQUIRE(dir->make_dir(name, 0700));
  CHECK(*expand_glob(temp.path() + "/*") ==
        std::vector<std::string>{temp.path() + "/.a", temp.path() + "/a", temp.path() + "/b", temp.path() + "/sub"});
  CHECK(*expand_glob(temp.path() + "/s*/[ab]") == std::vector<std::string>{temp.path() + "/sub/a"});
  CHECK(*expand_glob(temp.path() + "/a") == std::vector<std::string>{temp.path() + "/a"});
  CHECK(expand_glob(temp.path() + "/nosuch*")->empty());
}

TEST_CASE("a missing source of a bind mount has podman's words") {
  const auto planned = plan({bind("/nonexistent", "/x")});
  REQUIRE(planned);
  CHECK(check_sources(*planned).error().message() == "statfs /nonexistent: no such file or directory");
}

TEST_CASE("a read-only container gets writable scratch places") {
  ContainerSpec spec;
  spec.read_only = true;
  const auto planned = plan_mounts(spec, {}, {}, places());
  REQUIRE(planned);
  CHECK(planned->covers("/tmp"));
  CHECK(planned->covers("/run"));
  CHECK(planned->covers("/var/tmp"));
  spec.read_only_tmpfs = false;
  CHECK(plan_mounts(spec, {}, {}, places())->mounts.empty());
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

TEST_CASE("the host's address in a hosts file is found and replaced, and nothing else is") {
  const std::string before =
      "127.0.0.1\tlocalhost\n192.0.2.7\thost.containers.internal host.docker.internal\n10.0.2.100\tweb\n";
  CHECK(network::host_address_in(before) == "192.0.2.7");
  CHECK(network::with_host_address(before, "2001:db8::7") ==
        "127.0.0.1\tlocalhost\n2001:db8::7\thost.containers.internal host.docker.internal\n10.0.2.100\tweb\n");
  CHECK(network::host_address_in("1.1.1.1 web # host.containers.internal\n") == "");
  CHECK(network::with_host_address("10.0.2.100\tweb", "192.0.2.7") ==
        "10.0.2.100\tweb\n192.0.2.7\thost.containers.internal host.docker.internal\n");
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
  input.forwarders = {"10.0.2.3"};
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

#include "cli/spec_args.h"

#include <string>
#include <vector>

#include "cli/commands/all.h"
#include "cli/mount_args.h"
#include "tests/catch.h"

namespace ctr::cli {
namespace {

using Words = std::vector<std::string>;
using engine::ContainerSpec;
using engine::MountSpec;
using engine::NamespaceChoice;
using engine::NetworkChoice;
using engine::UsernsChoice;

Result<ContainerSpec> spec_of(const Words& words) {
  const Environment environment = {
      {"HOME", "/home/u"}, {"LC_ALL", "C"}, {"LC_TIME", "de"}, {"NOTIFY_SOCKET", "/run/manager"}};
  const auto read = [](const std::string& path) -> Result<std::string> {
    if (path == "env") return std::string("# comment\n\nX=1\n  Y=two words \r\nHOME\nUNSET\n");
    if (path == "labels") return std::string("a=1\nb\n");
    return Error(Errc::not_found, "open '" + path + "': No such file or directory");
  };
  const auto args = TRY(parse_args(k_run_command, words));
  return container_spec(args, {environment, "/work", read});
}

ContainerSpec good(const Words& words) {
  auto spec = spec_of(words);
  INFO((spec ? "" : spec.error().text()));
  REQUIRE(spec);
  return std::move(spec).value();
}

std::string wrong(const Words& words) {
  const auto spec = spec_of(words);
  return spec ? "no error" : spec.error().text();
}

}  // namespace

TEST_CASE("image, command and entry point become words of the spec") {
  const auto spec = good({"--entrypoint", "/e", "-w", "/d", "-u", "1:2", "img", "a", "-b"});
  CHECK(spec.image == "img");
  CHECK(spec.command == Words{"a", "-b"});
  CHECK(*spec.entrypoint == Words{"/e"});
  CHECK(spec.working_dir == "/d");
  CHECK(spec.user == "1:2");
  CHECK(*good({"--entrypoint", R"(["a","b c"])", "i"}).entrypoint == Words{"a", "b c"});
  CHECK(good({"--entrypoint=", "i"}).entrypoint->empty());
  CHECK_FALSE(good({"i"}).entrypoint);
  CHECK(good({"--rootfs", "tree", "sh"}).rootfs == "/work/tree");
  CHECK(wrong({"-w", "rel", "i"}) == "workdir 'rel' must be an absolute path");
}

TEST_CASE("variables come from files, then from options, and the host's where no value is given") {
  const auto spec = good({"-e", "A=1", "--env-file", "env", "-e", "HOME", "-e", "NOPE", "-e", "LC_*", "-e", "E=", "i"});
  CHECK(spec.env ==
        Words{"X=1", "Y=two words ", "HOME=/home/u", "A=1", "HOME=/home/u", "LC_ALL=C", "LC_TIME=de", "E="});
  CHECK(wrong({"-e", "=x", "i"}) == "invalid variable '=x' of --env");
  CHECK(wrong({"--env-file", "nosuch", "i"}) == "--env-file: open 'nosuch': No such file or directory");
}

TEST_CASE("labels come from options and files") {
  const auto spec = good({"--label-file", "labels", "-l", "a=2", "--label", "c", "--annotation", "k=v", "i"});
  CHECK(spec.labels == std::map<std::string, std::string>{{"a", "2"}, {"b", ""}, {"c", ""}});
  CHECK(spec.annotations.at("k") == "v");
  CHECK(wrong({"--label", "=v", "i"}) == "invalid label '=v': its key is empty");
}

TEST_CASE("volumes tell binds, names and anonymous ones apart") {
  CHECK(*parse_volume("/a:/b:ro,Z", "/w") == MountSpec{MountSpec::Type::bind, "/a", "/b", {"ro", "Z"}, ""});
  CHECK(parse_volume("./x:/b", "/w")->source == "/w/x");
  CHECK(parse_volume(".:/b", "/w")->source == "/w");
  CHECK(parse_volume("../x/./y:/b/", "/w/v")->source == "/w/x/y");
  CHECK(*parse_volume("data:/b", "/w") == MountSpec{MountSpec::Type::volume, "data", "/b", {}, ""});
  CHECK(*parse_volume("/b", "/w") == MountSpec{MountSpec::Type::volume, "", "/b", {}, ""});
  CHECK(parse_volume("/with\\:colon:/b", "/w")->source == "/with:colon");
  CHECK(parse_volume("/a:b", "/w").error().text() == "invalid container path \"b\", must be an absolute path");
  CHECK(parse_volume("a/b:/c", "/w").error().text().find("neither a path nor a volume name") != std::string::npos);
  CHECK(parse_volume("/a:/b:bogus", "/w").error().text() == "invalid mount option 'bogus'");
  CHECK(parse_volume("/a:/", "/w").error().text() == "invalid container path \"/\": the root cannot be mounted over");
  CHECK_FALSE(parse_volume("a:b:c:d", "/w"));
  CHECK_FALSE(parse_volume("", "/w"));
}

TEST_CASE("--mount reads its fields in any order") {
  CHECK(*parse_mount("dst=/b,type=bind,src=/a,ro", "/w") == MountSpec{MountSpec::Type::bind, "/a", "/b", {"ro"}, ""});
  CHECK(parse_mount("type=bind,source=rel,target=/b,ro=false", "/w")->source == "/w/rel");
  CHECK(parse_mount("type=bind,src=/a,dst=/b,readonly=true,bind-propagation=rslave,relabel=shared", "/w")->options ==
        Words{"ro", "rslave", "z"});
  CHECK(*parse_mount("type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1777", "/w") ==
        MountSpec{MountSpec::Type::tmpfs, "", "/t", {"size=64m", "mode=1777"}, ""});
  CHECK(parse_mount("src=vol,dst=/v,subpath=a/b", "/w")->subpath == "a/b");
  CHECK(parse_mount("\"type=bind\",\"src=/a,b\",dst=/c", "/w")->source == "/a,b");
  CHECK(parse_mount("type=bind,src=/a", "/w").error().text() ==
        "--mount 'type=bind,src=/a': must set volume destination");
  CHECK_FALSE(parse_mount("type=nosuch,dst=/a", "/w"));
  CHECK(parse_mount("type=bind,dst=/a", "/w")->source == "/a");
  CHECK_FALSE(parse_mount("type=tmpfs,src=/x,dst=/a", "/w"));
  CHECK_FALSE(parse_mount("type=bind,src=/a,dst=/b,nosuch=1", "/w"));
  CHECK_FALSE(parse_mount("\"type=bind,src=/a,dst=/b", "/w"));
}

TEST_CASE("--mount takes each key for its own types only, and once") {
  const auto said = [](const char* text) { return parse_mount(text, "/w").error().message(); };
  CHECK(said("type=tmpfs,src=/x,dst=/a") == "\"src\" option not supported for \"tmpfs\" mount types");
  CHECK(said("type=volume,dst=/a,bind-propagation=shared") ==
        "\"bind-propagation\" option not supported for \"volume\" mount types");
  CHECK(said("type=bind,dst=/a,bind-propagation=bogus") == "invalid value \"bind-propagation=bogus\"");
  CHECK(said("type=bind,dst=/a,nosuch") == "nosuch: invalid mount option");
  CHECK(said("type=bind,dst=/a,dst=/b") == "cannot pass \"dst\" option more than once");
  CHECK(said("type=bind,dst=/a,ro,rw") == "invalid options \"ro, rw\", can only specify 1 'rw' or 'ro' option");
  CHECK(said("type=glob,dst=/a") == "must set source for glob");
  CHECK(said("type=bind,dst=/a,subpath=x") == "cannot set option \"subpath\" on non-volume mounts");
  CHECK(parse_mount("type=devpts,dst=/p,uid=3,max=7", "/w")->options == std::vector<std::string>{"uid=3", "max=7"});
  CHECK(parse_mount("type=volume,dst=/v,chown,volume-nocopy", "/w")->options ==
        std::vector<std::string>{"U", "nocopy"});
}

TEST_CASE("--mount knows images, memory without a limit, and parts of volumes") {
  const auto said = [](const char* text) { return parse_mount(text, "/w").error().message(); };
  const auto image = parse_mount("type=image,src=busybox:1,dst=/i,rw=true", "/w");
  REQUIRE(image);
  CHECK(*image == engine::MountSpec{engine::MountSpec::Type::image, "busybox:1", "/i", {"rw"}, ""});
  CHECK(parse_mount("type=image,src=i,dst=/i,rw=false", "/w")->options.empty());
  CHECK(said("type=image,dst=/i") == "must set source and destination for image volume");
  CHECK(said("type=image,src=i,dst=/i,ro") == "ro: invalid mount option");
  CHECK(parse_mount("type=image,src=i,dst=/i,subpath=/a", "/w")->subpath == "/a");
  CHECK(parse_mount("type=ramfs,dst=/r,tmpfs-mode=700", "/w")->options == Words{"mode=700"});
  CHECK(said("type=ramfs,dst=/r,tmpfs-size=1m") == "\"tmpfs-size\" option not supported for \"ramfs\" mount types");
  CHECK(parse_mount("src=v,dst=/v,volume-subpath=a/b", "/w")->subpath == "a/b");
  CHECK(parse_volume("/a:/b:O,upperdir=/u,workdir=/k", "/w")->options == Words{"O", "upperdir=/u", "workdir=/k"});
  CHECK(parse_volume("/a:/b:O,z", "/w").error().message() ==
        "invalid options \"O, z\", can only specify 1 'z', 'Z', or 'O' option");
}

TEST_CASE("--image-volume and --volumes-from are kept") {
  CHECK(good({"--image-volume", "bind", "i"}).image_volumes == engine::ImageVolumes::anonymous);
  CHECK(good({"--image-volume", "ignore", "i"}).image_volumes == engine::ImageVolumes::ignore);
  CHECK(wrong({"--image-volume", "x", "i"}) ==
        "invalid ImageVolumeMode \"x\", value must be one of ignore,tmpfs,anonymous");
  CHECK(good({"--volumes-from", "a:ro", "--volumes-from", "b", "i"}).volumes_from == Words{"a:ro", "b"});
}

TEST_CASE("two mounts cannot have one destination") {
  CHECK(wrong({"-v", "/a:/x", "--tmpfs", "/x/:size=1m", "i"}) == "/x: duplicate mount destination");
}

TEST_CASE("capabilities are normalised and checked") {
  const auto spec = good({"--cap-add", "net_admin,CAP_SYS_TIME", "--cap-drop", "all", "i"});
  CHECK(spec.security.cap_add == Words{"CAP_NET_ADMIN", "CAP_SYS_TIME"});
  CHECK(spec.security.cap_drop == Words{"ALL"});
  CHECK(wrong({"--cap-add", "NET_ADMINS", "i"}) == "unknown capability 'NET_ADMINS'");
}

TEST_CASE("--security-opt sets what it names") {
  const auto spec =
      good({"--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined", "--security-opt",
            "label=disable", "--security-opt", "mask=/a:/b", "--security-opt=unmask=all", "i"});
  CHECK(spec.security.no_new_privileges);
  CHECK(spec.security.seccomp_profile == "unconfined");
  CHECK(spec.security.label_disable);
  CHECK(spec.security.mask == Words{"/a", "/b"});
  CHECK(spec.security.unmask == Words{"ALL"});
  CHECK(good({"--security-opt", "no-new-privileges:true", "i"}).security.no_new_privileges);
  CHECK(wrong({"--security-opt", "nosuch=1", "i"}) == "invalid --security-opt: \"nosuch=1\"");
}

TEST_CASE("networks are chosen by mode and by name") {
  CHECK(good({"i"}).network.mode == NetworkChoice::Mode::private_);
  CHECK(good({"--net=none", "i"}).network.mode == NetworkChoice::Mode::none);
  CHECK(good({"--network", "container:web", "i"}).network.value == "web");
  const auto slirp = good({"--network", "slirp4netns:allow_host_loopback=true,mtu=1500", "i"}).network;
  CHECK(slirp.uplink == "slirp4netns");
  CHECK(slirp.options == Words{"allow_host_loopback=true", "mtu=1500"});
  const auto named = good({"--network", "mynet", "--ip", "10.1.0.2", "--ip6=fd00::2", "--mac-address=02:00:00:00:00:01",
                           "--network-alias", "www", "--link-local-ip", "169.254.1.1", "i"})
                         .network;
  CHECK(named.mode == NetworkChoice::Mode::bridge);
  REQUIRE(named.networks.size() == 1);
  CHECK(named.networks[0].ips == Words{"10.1.0.2", "fd00::2"});
  CHECK(named.networks[0].mac == "02:00:00:00:00:01");
  CHECK(named.networks[0].aliases == Words{"www"});
  CHECK(named.networks[0].link_local_ips == Words{"169.254.1.1"});
  const std::string bridge_only =
      "networks and static ip/mac address can only be used with Bridge mode networking: invalid argument";
  CHECK(wrong({"--ip", "10.1.0.2", "i"}) == bridge_only);
  CHECK(wrong({"--network-alias", "x", "--network", "host", "i"}) == bridge_only);
  CHECK(wrong({"--network", "a,b", "--ip", "10.1.0.2", "i"}) ==
        "--ip can only be set for a single network: invalid argument");
}

TEST_CASE("namespaces and user namespaces are chosen") {
  CHECK(good({"--pid=host", "i"}).pid.mode == NamespaceChoice::Mode::host);
  CHECK(good({"--ipc=shareable", "i"}).ipc.mode == NamespaceChoice::Mode::shareable);
  CHECK(wrong({"--uts=bogus", "i"}).find("invalid value 'bogus' for --uts") == 0);
  const auto keep = good({"--userns=keep-id:uid=7,gid=8", "i"}).userns;
  CHECK(keep.mode == UsernsChoice::Mode::keep_id);
  CHECK(*keep.keep_uid == 7);
  CHECK(*keep.keep_gid == 8);
  CHECK_FALSE(spec_of({"--userns=keep-id:uid=x", "i"}));
  CHECK(*good({"--userns=keep-id:size=100", "i"}).userns.size == 100);
  const auto automatic = good({"--userns=auto:size=5,uidmapping=1000:0:1,gidmapping=7:0", "i"}).userns;
  CHECK(automatic.mode == UsernsChoice::Mode::automatic);
  CHECK(automatic.uid_maps == std::vector<std::string>{"1000:0:1"});
  CHECK(automatic.gid_maps == std::vector<std::string>{"7:0"});
  CHECK(wrong({"--userns=auto:foo=1", "i"}) == "--userns auto:foo: must be uidmapping=MAP, gidmapping=MAP or size=N");
  CHECK(good({"--userns=container:c", "i"}).userns.value == "c");
  CHECK_FALSE(spec_of({"--userns=container:", "i"}));
}

TEST_CASE("maps of ids are options of their own, which exclude --userns") {
  const auto mapped = good({"--uidmap", "0:1:10,20:0", "--uidmap", "+5:5", "i"}).userns;
  CHECK(mapped.mode == UsernsChoice::Mode::explicit_);
  CHECK(mapped.uid_maps == std::vector<std::string>{"0:1:10", "20:0", "+5:5"});
  CHECK(good({"--subuidname", "joe", "i"}).userns.subgid_name == "joe");
  CHECK(good({"--subgidname", "joe", "--subuidname", "jim", "i"}).userns.subuid_name == "jim");
  CHECK(wrong({"--uidmap", "0:1:x", "i"}) == "--uidmap 0:1:x: must be [+ug]CONTAINER:[@]FROM[:SIZE]");
  CHECK(wrong({"--userns", "keep-id", "--gidmap", "0:1:1", "i"}) ==
        "--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive");
  CHECK(wrong({"--uidmap", "0:1:1", "--subuidname", "joe", "i"}) ==
        "--uidmap and --gidmap cannot be combined with --subuidname and --subgidname");
}

TEST_CASE("limits are parsed and checked against each other") {
  const auto spec =
      good({"-m", "64m", "--memory-swap=128m", "--pids-limit", "0", "--cpus", "1.5", "--ulimit", "nofile=1024:2048",
            "--ulimit", "core=unlimited", "--shm-size=1g", "--oom-score-adj=-5", "i"});
  CHECK(*spec.resources.memory_bytes == 64 << 20);
  CHECK(*spec.resources.memory_swap_bytes == 128 << 20);
  CHECK(*spec.resources.pids == -1);
  CHECK(*spec.resources.cpu_quota_us == 150000);
  CHECK(spec.ulimits[0] == engine::UlimitSpec{"nofile", 1024, 2048});
  CHECK(spec.ulimits[1] == engine::UlimitSpec{"core", -1, -1});
  CHECK(*spec.shm_size_bytes == uint64_t{1} << 30);
  CHECK(*spec.oom_score_adj == -5);
  CHECK(wrong({"--memory-swap=1g", "i"}) == "--memory-swap needs --memory");
  CHECK(wrong({"--cpus", "-1", "i"}) == "'-1' is not a valid number for --cpus");
  CHECK(wrong({"--ulimit", "nofile=2:1", "i"}) == "ulimit soft limit must be less than or equal to hard limit: 2 > 1");
  CHECK(wrong({"--ulimit", "bogus=1", "i"}) == "invalid ulimit type: bogus");
  CHECK(good({"--ulimit", "host", "i"}).ulimits == std::vector{engine::UlimitSpec{"host", 0, 0}});
  CHECK(wrong({"--uts", "host", "--hostname", "x", "i"}) ==
        "cannot set hostname when running in the host UTS namespace");
  CHECK_FALSE(spec_of({"-m", "64x", "i"}));
}

TEST_CASE("limits of block i/o name a device and a rate") {
  const auto limits = good({"--blkio-weight", "500", "--blkio-weight-device", "/dev/sda:100", "--device-read-bps",
                            "/dev/sda:1mb", "--device-write-iops=/dev/sdb:50", "i"})
                          .resources;
  CHECK(limits.blkio_weight == 500);
  CHECK(limits.blkio_weight_devices == std::vector<engine::DeviceLimit>{{"/dev/sda", 100}});
  CHECK(limits.read_bps == std::vector<engine::DeviceLimit>{{"/dev/sda", 1 << 20}});
  CHECK(limits.write_iops == std::vector<engine::DeviceLimit>{{"/dev/sdb", 50}});
  CHECK(wrong({"--blkio-weight", "9", "i"}) == "--blkio-weight 9: range of blkio weight is from 10 to 1000");
  CHECK(wrong({"--device-read-bps", "/dev/sda", "i"}) == "bad format: /dev/sda");
  CHECK(wrong({"--device-read-bps", "sda:1", "i"}) == "bad format for device path: sda:1");
  CHECK(wrong({"--blkio-weight-device", "/dev/sda:5", "i"}) ==
        "invalid weight for device: /dev/sda:5: it is within 10 and 1000");
  CHECK(
      wrong({"--device-write-iops", "/dev/sda:1kb", "i"}) ==
      "invalid rate for device: /dev/sda:1kb. The correct format is <device-path>:<number>. Number must be a positive "
      "integer");
}

TEST_CASE("what cgroup v1 has alone, files of the cgroup and rules for devices are kept for the engine") {
  const auto spec =
      good({"--cpu-rt-period", "1000", "--cpu-rt-runtime", "10", "--memory-swappiness", "7", "--oom-kill-disable",
            "--cgroup-conf", "memory.high=1=2", "--device-cgroup-rule", "c 1:* rm", "--rdt-class", "gold", "i"});
  CHECK(spec.resources.cpu_rt_period_us == 1000);
  CHECK(spec.resources.cpu_rt_runtime_us == 10);
  CHECK(spec.resources.swappiness == 7);
  CHECK(spec.resources.oom_kill_disable);
  CHECK(spec.resources.unified == std::map<std::string, std::string>{{"memory.high", "1=2"}});
  CHECK(spec.device_rules == Words{"c 1:* rm"});
  CHECK(spec.rdt_class == "gold");
  CHECK_FALSE(good({"--memory-swappiness=-1", "i"}).resources.swappiness);
  CHECK(wrong({"--memory-swappiness=101", "i"}) == "invalid value: 101, valid memory swappiness range is 0-100");
  CHECK(wrong({"--cgroup-conf", "memory.high", "i"}) == "--cgroup-conf must be formatted KEY=VALUE: 'memory.high'");
  CHECK_FALSE(spec_of({"--device-cgroup-rule", "d 1:1 r", "i"}));
}

TEST_CASE("systemd, personality and the seccomp policy are words of podman") {
  using engine::SystemdMode;
  CHECK(good({"i"}).systemd == SystemdMode::automatic);
  CHECK(good({"--systemd", "always", "--shm-size-systemd", "1m", "i"}).systemd == SystemdMode::always);
  CHECK(*good({"--shm-size-systemd", "1m", "i"}).systemd_shm_bytes == 1 << 20);
  CHECK(good({"--systemd=False", "i"}).systemd == SystemdMode::off);
  CHECK(wrong({"--systemd", "maybe", "i"}) == "invalid systemd mode \"maybe\": must be true, false or always");
  CHECK_FALSE(spec_of({"--init", "--systemd=always", "i"}));
  CHECK(good({"--personality", "linux32", "i"}).personality == "LINUX32");
  CHECK(wrong({"--personality", "bsd", "i"}) == "invalid personality \"BSD\": must be LINUX or LINUX32");
  CHECK(good({"--seccomp-policy", "image", "i"}).security.seccomp_of_image);
  CHECK_FALSE(good({"--seccomp-policy", "default", "i"}).security.seccomp_of_image);
  CHECK_FALSE(spec_of({"--seccomp-policy", "empty", "i"}));
}

TEST_CASE("the service manager is the one of who creates the container, unless it is to be ignored") {
  using Mode = engine::NotifySpec::Mode;
  CHECK(good({"i"}).notify == engine::NotifySpec{Mode::container, "/run/manager"});
  CHECK(good({"--sdnotify", "conmon", "i"}).notify == engine::NotifySpec{Mode::conmon, "/run/manager"});
  CHECK(good({"--sdnotify=healthy", "i"}).notify.mode == Mode::healthy);
  CHECK(good({"--sdnotify=ignore", "i"}).notify == engine::NotifySpec{Mode::ignore, ""});
  CHECK(wrong({"--sdnotify=x", "i"}) == "invalid sdnotify value \"x\": must be container, conmon, healthy or ignore");
}

TEST_CASE("devices, signals, times and the log are parsed") {
  const auto spec =
      good({"--device", "/dev/fuse", "--device", "/dev/a:/dev/b:r", "--device=/dev/c:rw", "--stop-signal=int",
            "--stop-timeout=3", "--timeout=0", "--log-driver=k8s-file", "--log-opt", "max-size=1m", "i"});
  CHECK(spec.devices[0] == engine::DeviceSpec{"/dev/fuse", "/dev/fuse", "rwm"});
  CHECK(spec.devices[1] == engine::DeviceSpec{"/dev/a", "/dev/b", "r"});
  CHECK(spec.devices[2] == engine::DeviceSpec{"/dev/c", "/dev/c", "rw"});
  CHECK(spec.stop_signal == "SIGINT");
  CHECK(spec.stop_timeout->count() == 3);
  CHECK_FALSE(spec.timeout);
  CHECK(spec.log.options.at("max-size") == "1m");
  CHECK(wrong({"--stop-signal", "NOSUCH", "i"}) == "invalid signal: NOSUCH");
  CHECK(wrong({"--device", "fuse", "i"}) == "invalid device specification: fuse");
  CHECK(wrong({"--log-driver", "bogus", "i"}) == "invalid log driver 'bogus'");
}

TEST_CASE("restart policies are podman's") {
  using Policy = engine::RestartSpec::Policy;
  CHECK(good({"i"}).restart == engine::RestartSpec());
  CHECK(good({"--restart", "", "i"}).restart.policy == Policy::no);
  CHECK(good({"--restart", "never", "i"}).restart.policy == Policy::no);
  CHECK(good({"--restart", "always", "i"}).restart.policy == Policy::always);
  CHECK(good({"--restart", "unless-stopped", "i"}).restart.policy == Policy::unless_stopped);
  CHECK(good({"--restart", "on-failure", "i"}).restart == engine::RestartSpec{Policy::on_failure, 0});
  CHECK(good({"--restart", "on-failure:3", "i"}).restart == engine::RestartSpec{Policy::on_failure, 3});
  CHECK(good({"--rm", "--restart", "on-failure", "i"}).auto_remove);
  CHECK(wrong({"--restart", "ALWAYS", "i"}) == "\"ALWAYS\" is not a valid restart policy: invalid argument");
  CHECK(wrong({"--restart", "no:1", "i"}) ==
        "restart policy retries can only be specified with on-failure restart policy");
  CHECK(wrong({"--restart", "on-failure:", "i"}) == "parsing restart policy retry count:  is not a number");
  CHECK(wrong({"--restart", "on-failure:-1", "i"}) ==
        "must specify restart policy retry count as a number greater than 0");
  CHECK(wrong({"--restart", "on-failure:99999999999", "i"}) ==
        "parsing restart policy retry count: 99999999999 is not a number");
  for (const char* policy : {"always", "unless-stopped", "on-failure:2"}) {
    CHECK(wrong({"--rm", "--restart", policy, "i"}) ==
          "the --rm option conflicts with --restart, when the restartPolicy is not \"\" and \"no\"");
  }
}

TEST_CASE("the command of a health check is for a shell, a list, or as in a Dockerfile") {
  const auto test = [](const char* text) { return good({"--health-cmd", text, "i"}).health->test; };
  CHECK(test("test -e /ok") == Words{"CMD-SHELL", "test -e /ok"});
  CHECK(test(R"(["sleep", "5"])") == Words{"CMD", "sleep", "5"});
  CHECK(test(R"(["true"])") == Words{"CMD-SHELL", "true"});
  CHECK(test("CMD nope x") == Words{"CMD", "nope", "x"});
  CHECK(test("CMD-SHELL echo  hello there") == Words{"CMD-SHELL", "echo  hello there"});
  CHECK(test(R"(["CMD-SHELL", "a b"])") == Words{"CMD-SHELL", "a b"});
  CHECK(test("none") == Words{"NONE"});
}

TEST_CASE("options of health checks stand for all of it, or for what differs from the image's") {
  using namespace std::chrono_literals;
  CHECK_FALSE(good({"i"}).health);
  const auto own = *good({"--health-cmd", "x", "i"}).health;
  CHECK(own.interval == 30s);
  CHECK(own.timeout == 30s);
  CHECK(own.retries == 3);
  CHECK(good({"--health-cmd", "x", "--health-interval", "disable", "i"}).health->interval == 0s);
  const auto changed = *good({"--health-interval", "disable", "--health-retries", "5", "i"}).health;
  CHECK(changed.test.empty());
  CHECK(changed.interval < 0s);
  CHECK(changed.timeout == 0s);
  CHECK(changed.retries == 5);
  const auto rules = good({"--health-cmd", "x", "--health-on-failure", "stop", "--health-max-log-count", "0",
                           "--health-max-log-size", "7", "i"})
                         .health_rules;
  CHECK(rules.on_failure == engine::HealthAction::stop);
  CHECK(rules.log_entries == 0);
  CHECK(rules.log_bytes == 7);
  CHECK(rules.log_destination.empty());
  CHECK(good({"--health-log-destination", "local", "i"}).health_rules.log_destination.empty());
  CHECK(good({"--health-log-destination", "/var/log", "i"}).health_rules.log_destination == "/var/log");
  CHECK(good({"--health-log-destination", "events_logger", "i"}).health_rules.log_destination == "events_logger");
  CHECK_FALSE(rules.startup);
  const auto startup = *good({"--health-cmd", "x", "--health-startup-cmd", "y", "--health-startup-interval", "1s",
                              "--health-startup-retries", "4", "--health-startup-success", "2", "i"})
                            .health_rules.startup;
  CHECK(startup == engine::StartupHealthSpec{{"CMD-SHELL", "y"}, 1s, 30s, 4, 2});
  CHECK(wrong({"--no-healthcheck", "--health-startup-cmd", "y", "i"}) ==
        "cannot specify both --no-healthcheck and --health-startup-cmd");
  CHECK(wrong({"--health-on-failure", "", "i"}) ==
        "invalid on-failure action \"\" for health check: supported actions are none,kill,restart,stop");
}

TEST_CASE("names are checked and --replace needs one") {
  CHECK(good({"--name", "a.b-c_1", "i"}).name == "a.b-c_1");
  for (const char* name : {"", "-x", "a/b", "a b"}) {
    CHECK(wrong({"--name", name, "i"}).find("names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*") != std::string::npos);
  }
  CHECK(wrong({"--replace", "i"}) == "cannot replace container without --name being set");
}

TEST_CASE("pull policies and platforms become options of the pull") {
  const auto options_of = [](const Words& words) { return create_options(*parse_args(k_run_command, words), {}); };
  CHECK(options_of({"i"})->pull.policy == engine::PullPolicy::missing);
  CHECK(options_of({"--pull", "Always", "i"})->pull.policy == engine::PullPolicy::always);
  CHECK(options_of({"--pull=bogus", "i"}).error().text() == "unsupported pull policy \"bogus\"");
  const auto arm = options_of({"--platform", "linux/arm64/v8", "--tls-verify=false", "--retry=5", "-q", "i"});
  REQUIRE(arm);
  CHECK(arm->pull.platform->architecture == "arm64");
  CHECK(arm->pull.tls_verify == false);
  CHECK(arm->pull.retries == 5);
  CHECK(arm->pull.quiet);
  CHECK(options_of({"--arch=arm64", "--platform=linux/arm64", "i"}).error().text() ==
        "--platform option can not be specified with --arch or --os");
}

}  // namespace ctr::cli

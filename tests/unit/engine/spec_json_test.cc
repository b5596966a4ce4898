#include "engine/record.h"
#include "tests/catch.h"

namespace ctr::engine {

namespace {

ContainerSpec full_spec() {
  ContainerSpec spec;
  spec.image = "alpine";
  spec.entrypoint = std::vector<std::string>{};
  spec.command = {"sh", "-c", "echo \"hi\""};
  spec.name = "web";
  spec.working_dir = "/srv";
  spec.user = "1000:1000";
  spec.groups = {"audio"};
  spec.env = {"A=1"};
  spec.unset_env = {"B"};
  spec.terminal = spec.stdin_open = true;
  spec.labels = {{"a", "b"}};
  spec.mounts = {{MountSpec::Type::volume, "data", "/data", {"ro"}, ""}, {MountSpec::Type::tmpfs, "", "/tmp", {}, ""}};
  spec.volumes_from = {"db:ro"};
  spec.image_volumes = ImageVolumes::ignore;
  spec.env_merge = {"A=${A}:x"};
  spec.init_path = "/bin/init";
  spec.hosts_file = "none";
  spec.add_accounts = false;
  spec.passwd_entry = "a:x:1:1::/:/bin/sh";
  spec.group_entry = "a:x:1:";
  spec.host_users = {"me"};
  spec.chroot_dirs = {"/jail"};
  spec.remove_image = true;
  spec.dependencies = {"db"};
  spec.pid_file = "/run/web.pid";
  spec.monitor_pid_file = "/run/web.monitor";
  spec.read_only = true;
  spec.read_only_tmpfs = false;
  spec.devices = {{"/dev/fuse", "/dev/fuse", "rw"}};
  spec.ulimits = {{"nofile", 1024, -1}};
  spec.sysctls = {{"net.ipv4.ip_forward", "1"}};
  spec.shm_size_bytes = 1 << 20;
  spec.umask = 077;
  spec.oom_score_adj = -5;
  spec.security.cap_add = {"CAP_NET_ADMIN"};
  spec.security.seccomp_profile = "unconfined";
  spec.resources.memory_bytes = int64_t{1} << 30;
  spec.resources.cpu_rt_period_us = 1;
  spec.resources.cpu_rt_runtime_us = -1;
  spec.resources.swappiness = 0;
  spec.resources.oom_kill_disable = true;
  spec.resources.blkio_weight = 10;
  spec.resources.blkio_weight_devices = {{"/dev/a", 10, 8, 0}};
  spec.resources.read_bps = {{"/dev/a", 1, 8, 0}};
  spec.resources.write_bps = {{"/dev/a", 2, 8, 0}};
  spec.resources.read_iops = {{"/dev/a", 3, 8, 0}};
  spec.resources.write_iops = {{"/dev/a", 4, 8, 0}};
  spec.resources.unified = {{"memory.high", "1"}};
  spec.device_rules = {"c 1:3 rwm"};
  spec.systemd = SystemdMode::always;
  spec.systemd_shm_bytes = 0;
  spec.personality = "LINUX32";
  spec.rdt_class = "gold";
  spec.notify = {NotifySpec::Mode::healthy, "/run/manager"};
  spec.security.seccomp_of_image = true;
  spec.resources.cpu_quota_us = -1;
  spec.network.mode = NetworkChoice::Mode::bridge;
  spec.network.networks = {{"front", "lan0", {"10.89.0.9", "fd00::9"}, "02:42:0a:59:00:09", {"web", "www"}}};
  spec.ports = {{"127.0.0.1", 8080, 80, 2, "tcp"}, {"", 0, 53, 1, "udp"}};
  spec.publish_all_ports = true;
  spec.exposed_ports = {{9000, 11, "tcp"}};
  spec.pod = "group";
  spec.pid = {NamespaceChoice::Mode::host, ""};
  spec.userns = {UsernsChoice::Mode::keep_id, 1000, 1000, 9, {"0:1:2"}, {"0:3:4"}, "a", "b", "c"};
  spec.add_hosts = {"db:10.0.0.1"};
  spec.http_proxy = false;
  spec.log = {"k8s-file", {{"max-size", "1m"}}};
  spec.stop_timeout = std::chrono::seconds(0);
  spec.init = spec.auto_remove = true;
  spec.health = oci::HealthConfig{{"CMD", "true"}, std::chrono::seconds(30), {}, {}, 3};
  spec.restart = {RestartSpec::Policy::on_failure, 3};
  spec.health_rules.startup =
      StartupHealthSpec{{"CMD-SHELL", "up"}, std::chrono::seconds(1), std::chrono::seconds(2), 3, 4};
  spec.health_rules.on_failure = HealthAction::stop;
  spec.health_rules.log_destination = "/var/log";
  spec.health_rules.log_entries = 0;
  spec.health_rules.log_bytes = 7;
  spec.create_command = {"ctr", "run"};
  return spec;
}

ContainerRecord full_record() {
  ContainerRecord record;
  record.id = std::string(64, 'a');
  record.name = "web";
  record.spec = full_spec();
  record.image_name = "docker.io/library/alpine:latest";
  record.created = from_unix_seconds(1'700'000'000);
  record.argv = {"sh"};
  record.working_dir = "/";
  record.log_driver = "none";
  record.mounts = {{"volume", "data", "/x/_data", "/data", {"ro"}, false, "rprivate", true}};
  record.mounts[0].subpath = "sub";
  record.mounts[0].image_id = "1d";
  record.mounts[0].overlay = true;
  record.mounts[0].scratch = "overlay/0";
  record.capabilities = {"CAP_CHOWN"};
  return record;
}

}  // namespace

TEST_CASE("a container spec survives being stored") {
  const auto spec = full_spec();
  const auto text = dump_json(to_json(spec));
  const auto json = parse_json(text, "spec");
  REQUIRE(json);
  const auto read = container_spec_from_json(JsonReader(*json, "spec"));
  REQUIRE(read);
  CHECK(*read == spec);
}

TEST_CASE("a default container spec is stored as an empty object") {
  CHECK(dump_json(to_json(ContainerSpec{})) == "{}");
  const Json empty = Json::object();
  const auto read = container_spec_from_json(JsonReader(empty, "spec"));
  REQUIRE(read);
  CHECK(*read == ContainerSpec{});
}

TEST_CASE("a stored spec with an unknown word is refused by its path") {
  const auto json = parse_json(R"({"network":{"mode":"martian"}})", "spec");
  REQUIRE(json);
  const auto read = container_spec_from_json(JsonReader(*json, "spec"));
  REQUIRE_FALSE(read);
  CHECK(read.error().message().find("network.mode") != std::string::npos);
}

TEST_CASE("a container record survives being stored") {
  const auto record = full_record();
  const auto read = parse_container_record(dump_json(to_json(record)), "container.json");
  REQUIRE(read);
  CHECK(*read == record);
}

TEST_CASE("a listing reads of a stored record what the whole record says") {
  auto record = full_record();
  record.spec.rootfs = "/srv/root";
  record.spec.cid_file = "/run/web.cid";
  const auto read = parse_record_summary(dump_json(to_json(record)), "container.json");
  REQUIRE(read);
  CHECK(*read == summarize(record));
  // A text that needs the strict parser is read all the same.
  record.spec.labels["ä"] = "\n";
  const auto strict = parse_record_summary(dump_json(to_json(record)), "container.json");
  REQUIRE(strict);
  CHECK(*strict == summarize(record));
  const Json part = spec_summary_json(record.spec);
  const auto alone = spec_summary_from_json(JsonReader(part, "a row"));
  REQUIRE(alone);
  CHECK(*alone == summarize(record.spec));
  const auto bare = parse_record_summary(dump_json(to_json(ContainerRecord{})), "container.json");
  REQUIRE(bare);
  CHECK(*bare == summarize(ContainerRecord{}));
}

TEST_CASE("a listing refuses a damaged record as everybody does") {
  CHECK(parse_record_summary("{", "x").error().code() == Errc::corrupt);
  CHECK(parse_record_summary(R"({"schema":1,"id":5})", "x").error().code() == Errc::corrupt);
  CHECK(parse_record_summary(R"({"schema":99})", "x").error().code() == Errc::unsupported);
}

TEST_CASE("a record of a later version is refused with both numbers") {
  const auto read = parse_container_record(R"({"schema":99})", "container.json");
  REQUIRE_FALSE(read);
  CHECK(read.error().code() == Errc::unsupported);
  CHECK(read.error().message() == "'container.json' has schema 99, this ctr reads up to 1");
}

TEST_CASE("a damaged record is corrupt, not invalid input") {
  const auto broken = parse_container_record("{", "container.json");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code() == Errc::corrupt);
  const auto wrong = parse_container_record(R"({"schema":1,"id":5})", "container.json");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code() == Errc::corrupt);
}

}  // namespace ctr::engine

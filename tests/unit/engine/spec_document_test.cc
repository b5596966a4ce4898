#include "engine/spec_document.h"

#include "tests/catch.h"

namespace ctr::engine {

namespace {

ContainerSpec busy_spec() {
  ContainerSpec spec;
  spec.name = "web-clone";
  spec.image = "alpine";
  spec.entrypoint = std::vector<std::string>{"/bin/ls"};
  spec.command = {"-l"};
  spec.env = {"A=1=2"};
  spec.labels = {{"x", "y"}};
  spec.user = "5:6";
  spec.umask = 077;
  spec.stop_signal = "SIGINT";
  spec.stop_timeout = std::chrono::seconds(3);
  spec.restart = {RestartSpec::Policy::on_failure, 4};
  spec.mounts = {{MountSpec::Type::volume, "data", "/data", {"ro"}, ""},
                 {MountSpec::Type::bind, "/a", "/b", {}, ""},
                 {MountSpec::Type::tmpfs, "", "/tmp", {"size=1m"}, ""},
                 {MountSpec::Type::image, "busybox", "/i", {"rw"}, ""}};
  spec.secrets = {{"file", "", SecretUse::Type::mount, "/run/secrets/file", 1, 2, 0400},
                  {"word", "", SecretUse::Type::env, "WORD", 0, 0, 0444}};
  spec.devices = {{"/dev/fuse", "", "rw"}};
  spec.cdi_devices = {"vendor.com/class=0"};
  spec.security.cap_add = {"CAP_NET_RAW"};
  spec.security.proc_options = {"hidepid=2"};
  spec.network.mode = NetworkChoice::Mode::bridge;
  spec.network.networks = {{"net", "lan", {"10.0.0.2"}, "02:00:00:00:00:01", {"www"}, {}}};
  spec.ports = {{"", 8080, 80, 1, "tcp"}};
  spec.exposed_ports = {{90, 2, "udp"}};
  spec.resources.memory_bytes = 1024;
  spec.resources.cpu_quota_us = 5;
  spec.resources.pids = -1;
  spec.resources.read_bps = {{"/dev/a", 7, 8, 0}};
  spec.ulimits = {{"nofile", 10, -1}};
  spec.pid = {NamespaceChoice::Mode::container, "db"};
  spec.userns.mode = UsernsChoice::Mode::keep_id;
  spec.userns.keep_uid = 7;
  oci::HealthConfig check;
  check.test = {"CMD", "true"};
  check.retries = 2;
  spec.health = check;
  return spec;
}

}  // namespace

TEST_CASE("a container is told in the words of podman's API") {
  CHECK(dump_json(spec_document(busy_spec())) ==
        R"({"name":"web-clone","entrypoint":["/bin/ls"],"command":["-l"],"env":{"A":"1=2"},"httpproxy":true,)"
        R"("labels":{"x":"y"},"image":"alpine","user":"5:6","umask":"0077","stop_signal":2,"stop_timeout":3,)"
        R"("restart_policy":"on-failure","restart_tries":4,"sdnotifyMode":"container",)"
        R"("pidns":{"nsmode":"container","value":"db"},"utsns":{"nsmode":"default"},"ipcns":{"nsmode":"default"},)"
        R"("cgroupns":{"nsmode":"default"},"userns":{"nsmode":"keep-id","value":"uid=7"},)"
        R"("mounts":[{"destination":"/b","type":"bind","source":"/a"},)"
        R"({"destination":"/tmp","type":"tmpfs","source":"tmpfs","options":["size=1m"]}],)"
        R"("volumes":[{"Name":"data","Dest":"/data","Options":["ro"]}],)"
        R"("image_volumes":[{"Source":"busybox","Destination":"/i","ReadWrite":true}],)"
        R"("devices":[{"path":"/dev/fuse:/dev/fuse:rw"},{"path":"vendor.com/class=0"}],)"
        R"("secrets":[{"Source":"file","Target":"/run/secrets/file","UID":1,"GID":2,"Mode":256}],)"
        R"("secret_env":{"WORD":"word"},"cap_add":["CAP_NET_RAW"],"procfs_opts":["hidepid=2"],)"
        R"("netns":{"nsmode":"bridge"},"Networks":{"net":{"static_ips":["10.0.0.2"],"aliases":["www"],)"
        R"("static_mac":"02:00:00:00:00:01","interface_name":"lan"}},)"
        R"("portmappings":[{"host_ip":"","container_port":80,"host_port":8080,"range":1,"protocol":"tcp"}],)"
        R"("expose":{"90":"udp","91":"udp"},)"
        R"("resource_limits":{"memory":{"limit":1024},"cpu":{"quota":5},"pids":{"limit":-1}},)"
        R"("throttleReadBpsDevice":{"/dev/a":{"rate":7}},)"
        R"("r_limits":[{"type":"RLIMIT_NOFILE","hard":18446744073709551615,"soft":10}],)"
        R"("healthconfig":{"Test":["CMD","true"],"Retries":2}})");
}

TEST_CASE("what is at its default is not told") {
  ContainerSpec spec;
  spec.name = "c";
  spec.image = "i";
  spec.http_proxy = false;
  CHECK(dump_json(spec_document(spec)) ==
        R"({"name":"c","image":"i","sdnotifyMode":"container","pidns":{"nsmode":"default"},)"
        R"("utsns":{"nsmode":"default"},"ipcns":{"nsmode":"default"},"cgroupns":{"nsmode":"default"},)"
        R"("userns":{"nsmode":"default"},"netns":{"nsmode":"private"}})");
}

TEST_CASE("a pod is told without its members") {
  PodSpec pod;
  pod.name = "p";
  pod.share = {"net"};
  pod.shared.hostname = "h";
  pod.shared.ports = {{"127.0.0.1", 81, 80, 1, "tcp"}};
  CHECK(dump_json(spec_document(pod)) ==
        R"({"name":"p","hostname":"h","shared_namespaces":["net"],"exit_policy":"continue",)"
        R"("pidns":{"nsmode":"default"},"utsns":{"nsmode":"default"},"userns":{"nsmode":"default"},)"
        R"("netns":{"nsmode":"private"},)"
        R"("portmappings":[{"host_ip":"127.0.0.1","container_port":80,"host_port":81,"range":1,"protocol":"tcp"}]})");
}

}  // namespace ctr::engine

// What config.json says about mounts, namespaces and devices.
#include "runtime/spec.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

Result<RuntimeSpec> read_linux(const std::string& members) {
  const auto json = parse_json(R"({"ociVersion":"1.3.0",)" + members + "}", "config.json");
  REQUIRE(json);
  return spec_from_json(*json);
}

std::string refusal(const std::string& members) {
  const auto spec = read_linux(members);
  return spec ? "accepted" : spec.error().text();
}

}  // namespace

TEST_CASE("time offsets, network devices, id-mapped mounts and cache shares are read, written and read as the same") {
  const auto spec = read_linux(R"("mounts": [{"destination": "/data", "source": "here", "options": ["bind", "idmap"],
      "uidMappings": [{"containerID": 0, "hostID": 100, "size": 5}],
      "gidMappings": [{"containerID": 1, "hostID": 200, "size": 6}]}],
    "linux": {"namespaces": [{"type": "time"}],
      "timeOffsets": {"monotonic": {"secs": -7, "nanosecs": 999999999}, "boottime": {"secs": 3}},
      "netDevices": {"eth0": {"name": "ctr%d"}, "eth1": {}},
      "devices": [{"path": "/dev/p", "type": "p", "fileMode": 420}, {"path": "/dev/u", "type": "u", "major": 1,
        "minor": 1048575}],
      "intelRdt": {"closID": "gold", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20", "schemata": ["L2:0=1"],
        "enableMonitoring": true}})");
  REQUIRE(spec);
  CHECK(spec->mounts[0].ids.uids == std::vector<IdRange>{{.inside = 0, .outside = 100, .size = 5}});
  CHECK(spec->linux_config.time_offsets.monotonic == SpecTimeOffset{.secs = -7, .nanosecs = 999999999});
  CHECK(spec->linux_config.time_offsets.boottime == SpecTimeOffset{.secs = 3, .nanosecs = 0});
  CHECK(spec->linux_config.net_devices == std::map<std::string, std::string>{{"eth0", "ctr%d"}, {"eth1", ""}});
  CHECK(spec->linux_config.intel_rdt->schemata == std::vector<std::string>{"L2:0=1"});
  CHECK(spec->linux_config.devices[1].minor == 1048575);
  const Json written = to_json(*spec);
  const auto again = spec_from_json(written);
  REQUIRE(again);
  CHECK(*again == *spec);
}

TEST_CASE("values that mounts cannot have name their path") {
  CHECK(refusal(R"("mounts":[{"destination":""}])") == "config.json: mounts[0].destination is not a path");
  CHECK(refusal(R"("mounts":[{"type":"proc"}])") == "config.json: mounts[0].destination is missing");
  CHECK(refusal(R"("mounts":[{"destination":"/x","options":"ro"}])").find("mounts[0].options") != std::string::npos);
  CHECK(refusal(R"("mounts":[{"destination":"/x","uidMappings":[{"containerID":0,"hostID":1,"size":1}]}])")
            .find("mounts[0].gidMappings is not given") != std::string::npos);
  CHECK(refusal(R"("mounts":[{"destination":"/x","uidMappings":[{"containerID":-1,"hostID":1,"size":1}]}])")
            .find("mounts[0].uidMappings[0].containerID") != std::string::npos);
}

TEST_CASE("values that the linux object cannot have name their path") {
  const auto refuses = [](const std::string& members, const std::string& path) {
    const std::string text = refusal(R"("linux":{)" + members + "}");
    CAPTURE(text);
    CHECK(text.find("config.json: linux." + path) == 0);
  };
  refuses(R"("namespaces":[{"type":"pid","path":"relative"}])", "namespaces[0].path is not an absolute path");
  refuses(R"("timeOffsets":{"realtime":{"secs":1}})", "timeOffsets.realtime is not a clock");
  refuses(R"("timeOffsets":{"boottime":{"nanosecs":1000000000}})", "timeOffsets.boottime.nanosecs");
  refuses(R"("timeOffsets":{"boottime":{"secs":"1"}})", "timeOffsets.boottime.secs");
  refuses(R"("netDevices":{"a/b":{}})", "netDevices.a/b is not the name of a network device");
  refuses(R"("netDevices":{"eth0":{"name":"sixteen-letters-"}})", "netDevices.eth0.name");
  refuses(R"("devices":[{"path":"dev/x","type":"c","major":1,"minor":2}])", "devices[0].path");
  refuses(R"("devices":[{"path":"/dev/x","type":"x","major":1,"minor":2}])", "devices[0].type is not b, c, u or p");
  refuses(R"("devices":[{"path":"/dev/x","type":"c","minor":2}])", "devices[0].major is missing");
  refuses(R"("devices":[{"path":"/dev/x","type":"c","major":4096,"minor":2}])", "devices[0].major");
  refuses(R"("maskedPaths":["/x","y"])", "maskedPaths[1] is not an absolute path");
  refuses(R"("readonlyPaths":["y"])", "readonlyPaths[0]");
  refuses(R"("intelRdt":{"closID":"../x"})", "intelRdt.closID");
  refuses(R"("intelRdt":{"memBwSchema":"L3:0=1"})", "intelRdt.memBwSchema");
  refuses(R"("sysctl":{"net.x":1})", "sysctl");
}

TEST_CASE("what is not known anywhere in config.json is ignored") {
  CHECK(refusal(R"("mounts":[{"destination":"/x","type":"tmpfs","future":1}],"linux":{"future":{},"devices":
      [{"path":"/dev/p","type":"p","future":1}],"namespaces":[{"type":"pid","future":1}]})") == "accepted");
}

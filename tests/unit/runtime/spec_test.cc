#include "runtime/spec.h"

#include "runtime/rootfs_plan.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

// Every property ctr acts on, once.
constexpr const char* k_full = R"({
  "ociVersion": "1.2.0", "unknown": {"x": [1]},
  "process": {"terminal": true, "consoleSize": {"height": 24, "width": 80},
    "user": {"uid": 1, "gid": 2, "umask": 63, "additionalGids": [3, 4]}, "args": ["a", "b c"], "env": ["A=1"], "cwd": "/w",
    "capabilities": {"bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"], "inheritable": ["CAP_KILL"],
      "permitted": ["CAP_CHOWN"], "ambient": ["CAP_KILL"]},
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 5}], "noNewPrivileges": true,
    "apparmorProfile": "p", "oomScoreAdj": -5, "selinuxLabel": "l",
    "scheduler": {"policy": "SCHED_DEADLINE", "nice": -1, "priority": 0, "flags": ["SCHED_FLAG_RECLAIM"],
      "runtime": 2000, "deadline": 3000, "period": 4000},
    "ioPriority": {"class": "IOPRIO_CLASS_RT", "priority": 1}, "execCPUAffinity": {"initial": "0", "final": "1-2"}},
  "root": {"path": "rootfs", "readonly": true}, "hostname": "h", "domainname": "d",
  "mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]}],
  "annotations": {"k": "v"},
  "linux": {"uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
    "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
    "sysctl": {"net.x": "1"},
    "resources": {"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 3,
        "access": "rw"}], "memory": {"limit": 1, "reservation": 2, "swap": 3, "swappiness": 4},
      "cpu": {"shares": 1, "quota": 2, "burst": 3, "period": 4, "idle": 1, "cpus": "0-1", "mems": "0"},
      "pids": {"limit": -1}, "blockIO": {"weight": 10, "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 9}]},
      "unified": {"memory.high": "7"}},
    "cgroupsPath": "/c", "namespaces": [{"type": "pid"}, {"type": "network", "path": "/n"}],
    "devices": [{"path": "/dev/x", "type": "c", "major": 1, "minor": 2, "fileMode": 438, "uid": 0, "gid": 0}],
    "seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}, "rootfsPropagation": "slave", "maskedPaths": ["/m"],
    "readonlyPaths": ["/r"], "mountLabel": "ml", "personality": {"domain": "LINUX32"},
    "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]}}})";

Result<RuntimeSpec> read(const std::string& text) {
  const auto json = parse_json(text, "config.json");
  REQUIRE(json);
  return spec_from_json(*json);
}

std::string refusal(const std::string& text) {
  const auto spec = read(text);
  return spec ? "accepted" : spec.error().text();
}

}  // namespace

TEST_CASE("a full config.json is read, written and read as the same") {
  const auto spec = read(k_full);
  REQUIRE(spec);
  CHECK(spec->process->user.additional_gids == std::vector<uint32_t>{3, 4});
  CHECK(spec->process->rlimits[0].hard == UINT64_MAX);
  CHECK(spec->linux_config.resources->pids_limit == -1);
  CHECK(spec->find_namespace(NamespaceType::network)->path == "/n");
  CHECK(spec->has_fresh_namespace(NamespaceType::pid));
  CHECK_FALSE(spec->has_fresh_namespace(NamespaceType::network));
  CHECK(spec->find_namespace(NamespaceType::uts) == nullptr);
  const auto again = read(dump_json(to_json(*spec)));
  REQUIRE(again);
  CHECK(*again == *spec);
}

TEST_CASE("wrong types and values in config.json name their path") {
  CHECK(refusal(R"({"ociVersion":"2.0.0"})") == "config.json: ociVersion '2.0.0' is not 1.x");
  CHECK(refusal(R"({"ociVersion":"1.0.2-dev"})") == "accepted");
  CHECK(refusal("[]").find("config.json") == 0);
  CHECK(refusal(R"({"ociVersion":"1.0.0","process":{"cwd":"/","args":[1]}})").find("process.args[0]") !=
        std::string::npos);
  CHECK(refusal(R"({"ociVersion":"1.0.0","process":{"cwd":"/","user":{"uid":4294967296}}})").find("process.user") !=
        std::string::npos);
  CHECK(refusal(R"({"ociVersion":"1.0.0","process":{"cwd":"/","user":{"additionalGids":[-1]}}})")
            .find("additionalGids[0]") != std::string::npos);
  CHECK(refusal(R"({"ociVersion":"1.0.0","process":{"cwd":"/","oomScoreAdj":1001}})").find("oomScoreAdj") !=
        std::string::npos);
  CHECK(refusal(R"({"ociVersion":"1.0.0","linux":{"namespaces":[{"type":"nothing"}]}})").find("namespaces[0].type") !=
        std::string::npos);
}

TEST_CASE("a rootfs plan survives the way to the monitor") {
  RootfsPlan plan;
  plan.kind = RootfsPlan::Kind::fuse;
  plan.mount_point = "/m";
  plan.lower_dirs = {"/a", "/b"};
  plan.upper_dir = "/u";
  plan.work_dir = "/w";
  plan.skip_sync = plan.shift_ids = true;
  const Json json = to_json(plan);
  const auto back = rootfs_plan_from_json(JsonReader(json, "rootfs"));
  REQUIRE(back);
  CHECK(*back == plan);
}

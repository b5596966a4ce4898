// The steps that make the namespaces of a pod, and what its monitor is told.
#include "runtime/pod_monitor.h"
#include "runtime/pod_namespaces.h"
#include "tests/catch.h"
#include "tests/unit/runtime/plans.h"

using namespace ctr;
using namespace ctr::runtime;

namespace {

PodNamespacesPlan plain_plan() {
  PodNamespacesPlan plan;
  plan.ids = ctr::test::plain_host().default_map();
  plan.fresh = {NamespaceType::network, NamespaceType::ipc, NamespaceType::uts};
  plan.hostname = "web";
  plan.sysctls = {{"net.ipv4.ip_unprivileged_port_start", "0"}};
  plan.shm_dir = "/store/pods/x/shm";
  plan.shm_bytes = 65536;
  return plan;
}

std::string steps_of(const PodNamespacesPlan& plan) {
  const auto program = compile_pod(plan);
  REQUIRE(program);
  return format_program(*program);
}

// Each of `words` behind the one before.
bool in_order(const std::string& text, const std::vector<std::string>& words) {
  size_t at = 0;
  for (const auto& word : words) {
    at = text.find(word, at);
    if (at == std::string::npos) return false;
    at += word.size();
  }
  return true;
}

}  // namespace

TEST_CASE("the process that makes a pod's namespaces sets them up, waits for the network and ends") {
  const auto steps = steps_of(plain_plan());
  CHECK(in_order(steps, {"send_fds", "wait_go", "'/store/pods/x/shm'", "set_user", "set_propagation", "make_mount",
                         "'size=65536'", "attach_mount", "set_hostname 'web'", "loopback_up", "write_file",
                         "'sys/net/ipv4/ip_unprivileged_port_start' '0'", "report_ready", "wait_go", "finish"}));
  CHECK(steps.find("stay") == std::string::npos);
  // A pod without a network has none to hand over, and one without shared memory needs no mounts.
  auto plan = plain_plan();
  plan.fresh = {NamespaceType::uts};
  plan.sysctls.clear();
  plan.shm_dir.clear();
  const auto few = steps_of(plan);
  CHECK(few.find("send_fds") == std::string::npos);
  CHECK(few.find("mount") == std::string::npos);
}

TEST_CASE("volumes in memory are file systems of the pod, with their limits") {
  auto plan = plain_plan();
  plan.fresh = {NamespaceType::uts};
  plan.sysctls.clear();
  plan.shm_dir.clear();
  plan.memory = {{"/store/pods/x/memory/a", {"mode=1777", "size=4096"}}, {"/store/pods/x/memory/b", {"mode=1777"}}};
  const auto steps = steps_of(plan);
  CHECK(in_order(steps, {"'/store/pods/x/memory/a'", "'/store/pods/x/memory/b'", "set_user", "set_propagation",
                         "make_mount", "'size=4096'", "attach_mount", "make_mount", "attach_mount"}));
  plan.memory.resize(k_most_pod_memories + 1);
  CHECK(compile_pod(plan).error().code() == Errc::invalid);
}

TEST_CASE("a pod with ids of its own is made inside of the usual user namespace, and its pid 1 stays out of sight") {
  auto plan = plain_plan();
  plan.outer = plan.ids;
  plan.ids = keep_id_map(plan.outer, 1000, 1000);
  plan.fresh.push_back(NamespaceType::pid);
  const auto program = compile_pod(plan);
  REQUIRE(program);
  CHECK(program->first_map == plan.outer);
  CHECK(program->clones_again);
  CHECK(in_order(format_program(*program), {"wait_go", "set_user", "clone_child", "send_fds", "wait_go", "set_user",
                                            "report_ready", "set_dumpable", "close_others", "stay"}));
}

TEST_CASE("a pod cannot set a sysctl of a namespace that it does not have") {
  auto plan = plain_plan();
  plan.fresh = {NamespaceType::uts};
  CHECK(compile_pod(plan).error().code() == Errc::invalid);
}

TEST_CASE("a pod's plan crosses to its monitor as it is") {
  PodPlan plan;
  plan.pod_id = std::string(64, 'c');
  plan.name = "p";
  plan.dir = "/store/pods/x";
  plan.run_dir = "/run/user/1000/ctr/containers/x";
  plan.namespaces = plain_plan();
  plan.namespaces.outer = plan.namespaces.ids;
  plan.cgroup.kind = CgroupPlan::Kind::scope;
  plan.cgroup.unit = "ctr-pod-x.scope";
  plan.host = ctr::test::plain_host();
  plan.engine = Json::object().set("a", 1);
  const auto json = to_json(plan);
  const auto read = pod_plan_from_json(JsonReader(json, "plan"));
  REQUIRE(read);
  CHECK(*read == plan);
}

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

}  // namespace

TEST_CASE("the steps of a pod's namespaces") { ctr::test::compare_golden("pod.steps", steps_of(plain_plan())); }

TEST_CASE("a pod with ids of its own is made inside of the usual user namespace, and its pid 1 stays out of sight") {
  auto plan = plain_plan();
  plan.outer = plan.ids;
  plan.ids = keep_id_map(plan.outer, 1000, 1000);
  plan.fresh.push_back(NamespaceType::pid);
  ctr::test::compare_golden("pod-shifted.steps", steps_of(plan));
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
  plan.namespaces = plain_plan();
  plan.namespaces.outer = plan.namespaces.ids;
  plan.host = ctr::test::plain_host();
  plan.engine = Json::object().set("a", 1);
  const auto json = to_json(plan);
  const auto read = pod_plan_from_json(JsonReader(json, "plan"));
  REQUIRE(read);
  CHECK(*read == plan);
}

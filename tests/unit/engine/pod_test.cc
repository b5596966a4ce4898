#include "engine/pod_inspect.h"
#include "engine/pod_join.h"
#include "engine/pod_record.h"
#include "engine/pods.h"
#include "tests/catch.h"

namespace ctr::engine {
namespace {

PodMember member(const std::string& name, ContainerState state, std::vector<std::string> dependencies = {}) {
  PodMember out;
  out.id = {name};
  out.name = name;
  out.state = state;
  out.dependencies = std::move(dependencies);
  return out;
}

std::vector<PodMember> in_states(const std::vector<ContainerState>& states) {
  std::vector<PodMember> members;
  for (const auto state : states) members.push_back(member(std::to_string(members.size()), state));
  return members;
}

std::string state_of(const PodOwnState& own, const std::vector<ContainerState>& states) {
  return std::string(state_name(pod_state(own, in_states(states))));
}

PodRecord record_of(PodSpec spec) {
  PodRecord record;
  record.id = std::string(64, 'a');
  record.name = "p";
  record.hostname = "h";
  record.spec = std::move(spec);
  return record;
}

std::string refusal(ContainerSpec spec, const PodRecord& pod) {
  const auto applied = apply_pod(spec, pod);
  return applied ? "no error" : applied.error().message();
}

std::string order_of(std::vector<PodMember> members) {
  std::string names;
  for (const auto& next : start_order(std::move(members))) names += next.name;
  return names;
}

}  // namespace

TEST_CASE("a pod record is read back as it was written", "[pod]") {
  PodSpec spec;
  spec.name = "p";
  spec.share = {"net", "pid"};
  spec.share_parent = false;
  spec.exit_policy = PodSpec::ExitPolicy::stop;
  spec.infra_name = "n";
  spec.infra_image = "i";
  spec.infra_command = "c";
  spec.monitor_pid_file = "/m";
  spec.id_file = "/f";
  spec.shared.hostname = "h";
  spec.shared.labels = {{"a", "b"}};
  spec.shared.sysctls = {{"net.ipv4.ip_forward", "1"}};
  auto record = record_of(spec);
  record.created = from_unix_seconds(1700000000);
  record.ids = runtime::single_id_map(1000, 1000);
  const auto read = parse_pod_record(dump_json(to_json(record)), "pod");
  REQUIRE(read);
  CHECK(*read == record);
  record.spec.infra = false;
  record.spec.share.clear();
  record.ids = {};
  const auto again = parse_pod_record(dump_json(to_json(record)), "pod");
  REQUIRE(again);
  CHECK(*again == record);
}

TEST_CASE("a pod record of another shape or a later version is refused", "[pod]") {
  CHECK(parse_pod_record("{}", "pod").error().code() == Errc::corrupt);
  CHECK(parse_pod_record(R"({"schema": 99})", "pod").error().code() == Errc::unsupported);
  auto json = to_json(record_of({}));
  json.set("spec", Json::object().set("share", Json::strings({"mount"})).set("shared", Json::object()));
  CHECK(parse_pod_record(dump_json(json), "pod").error().code() == Errc::corrupt);
}

TEST_CASE("what a pod shares is a list, and with + in front what comes on top of the usual", "[pod]") {
  CHECK(*parse_share("net,uts") == std::set<std::string>{"net", "uts"});
  CHECK(*parse_share("+pid") == std::set<std::string>{"ipc", "net", "pid", "uts"});
  CHECK(parse_share("none")->empty());
  CHECK(parse_share("")->empty());
  CHECK(parse_share("mnt").error().message() ==
        "invalid kernel namespace to share: mnt. Options are: cgroup, ipc, net, pid, uts or none");
}

TEST_CASE("an exit policy is continue or stop", "[pod]") {
  CHECK(*parse_exit_policy("") == PodSpec::ExitPolicy::keep_running);
  CHECK(*parse_exit_policy("continue") == PodSpec::ExitPolicy::keep_running);
  CHECK(*parse_exit_policy("stop") == PodSpec::ExitPolicy::stop);
  CHECK(parse_exit_policy("x").error().message() == "invalid pod exit policy: \"x\"");
}

TEST_CASE("the state of a pod is what its members and its monitor make", "[pod]") {
  using enum ContainerState;
  const PodOwnState fresh = {true, false, false};
  const PodOwnState up = {true, true, true};
  const PodOwnState down = {true, false, true};
  CHECK(state_of(fresh, {}) == "Created");
  CHECK(state_of(fresh, {created, created}) == "Created");
  CHECK(state_of(up, {}) == "Running");
  CHECK(state_of(up, {running, running}) == "Running");
  CHECK(state_of(up, {running, exited}) == "Degraded");
  CHECK(state_of(up, {created}) == "Degraded");
  CHECK(state_of(up, {exited}) == "Degraded");
  CHECK(state_of(up, {paused, paused}) == "Paused");
  CHECK(state_of(up, {paused, running}) == "Degraded");
  CHECK(state_of(down, {}) == "Exited");
  CHECK(state_of(down, {exited, exited}) == "Exited");
  CHECK(state_of(down, {exited, created}) == "Stopped");
  const PodOwnState without = {false, false, false};
  CHECK(state_of(without, {}) == "Created");
  CHECK(state_of(without, {running}) == "Running");
  CHECK(state_of(without, {exited}) == "Exited");
  CHECK(state_of(without, {exited, created}) == "Stopped");
}

TEST_CASE("members start in the order in which they require each other, else the oldest first", "[pod]") {
  using enum ContainerState;
  CHECK(order_of({member("b", created), member("a", created)}) == "ab");
  CHECK(order_of({member("a", created, {"c"}), member("b", created), member("c", created, {"b"})}) == "bca");
  // What is required elsewhere is no matter of this pod's, and damage is no endless loop.
  CHECK(order_of({member("a", created, {"x"}), member("b", created)}) == "ab");
  CHECK(order_of({member("a", created, {"b"}), member("b", created, {"a"})}) == "ab");
}

TEST_CASE("a member has the namespaces, names and ports of its pod", "[pod]") {
  PodSpec pod;
  pod.shared.ports = {{"", 8080, 80, 1, "tcp"}};
  pod.shared.add_hosts = {"x:1.2.3.4"};
  pod.shared.restart.policy = RestartSpec::Policy::always;
  pod.shared.mounts = {{MountSpec::Type::bind, "/a", "/data", {}, ""}, {MountSpec::Type::bind, "/b", "/own", {}, ""}};
  ContainerSpec spec;
  spec.mounts = {{MountSpec::Type::bind, "/c", "/own", {}, ""}};
  REQUIRE(apply_pod(spec, record_of(pod)));
  CHECK(spec.pod == std::string(64, 'a'));
  CHECK(spec.network.mode == NetworkChoice::Mode::pod);
  CHECK(spec.ports == pod.shared.ports);
  CHECK(spec.add_hosts == pod.shared.add_hosts);
  CHECK(spec.ipc.mode == NamespaceChoice::Mode::pod);
  CHECK(spec.uts.mode == NamespaceChoice::Mode::pod);
  CHECK(spec.pid.mode == NamespaceChoice::Mode::automatic);
  CHECK(spec.userns.mode == UsernsChoice::Mode::pod);
  CHECK(spec.hostname == "h");
  CHECK(spec.restart.policy == RestartSpec::Policy::always);
  REQUIRE(spec.mounts.size() == 2);
  CHECK(spec.mounts[0].source == "/c");
  CHECK(spec.mounts[1].source == "/a");
  // It is as it was, and may join another pod.
  forget_pod_settings(spec);
  CHECK(spec.network == NetworkChoice{});
  CHECK(spec.ports.empty());
  CHECK(spec.userns == UsernsChoice{});
  CHECK(spec.hostname.empty());
}

TEST_CASE("a member keeps namespaces that it asks for, and a pod that shares nothing decides nothing", "[pod]") {
  ContainerSpec spec;
  spec.network.mode = NetworkChoice::Mode::none;
  spec.ipc.mode = NamespaceChoice::Mode::private_;
  REQUIRE(apply_pod(spec, record_of({})));
  CHECK(spec.network.mode == NetworkChoice::Mode::none);
  CHECK(spec.ipc.mode == NamespaceChoice::Mode::private_);
  CHECK(spec.uts.mode == NamespaceChoice::Mode::pod);
  PodSpec apart;
  apart.share.clear();
  ContainerSpec other;
  other.hostname = "own";
  REQUIRE(apply_pod(other, record_of(apart)));
  CHECK(other.network == NetworkChoice{});
  CHECK(other.userns == UsernsChoice{});
  CHECK(other.hostname == "own");
  PodSpec of_host;
  of_host.shared.network.mode = NetworkChoice::Mode::host;
  ContainerSpec third;
  REQUIRE(apply_pod(third, record_of(of_host)));
  CHECK(third.network.mode == NetworkChoice::Mode::host);
  CHECK(held_namespaces(of_host) ==
        std::vector<runtime::NamespaceType>{runtime::NamespaceType::ipc, runtime::NamespaceType::uts});
}

TEST_CASE("what a pod decides cannot be decided by a member", "[pod]") {
  const auto pod = record_of({});
  ContainerSpec named;
  named.hostname = "x";
  CHECK(refusal(named, pod) == "cannot set hostname when joining the pod UTS namespace: invalid configuration");
  ContainerSpec published;
  published.ports = {{"", 1, 1, 1, "tcp"}};
  CHECK(refusal(published, pod) ==
        "invalid config provided: published or exposed ports must be defined when the pod is created: network cannot "
        "be configured when it is shared with a pod");
  ContainerSpec bridged;
  bridged.network.mode = NetworkChoice::Mode::bridge;
  CHECK(refusal(bridged, pod) ==
        "invalid config provided: networks must be defined when the pod is created: network cannot be configured when "
        "it is shared with a pod");
  ContainerSpec hosts;
  hosts.add_hosts = {"a:1.1.1.1"};
  CHECK(refusal(hosts, pod) ==
        "extra host entries must be specified on the pod: network cannot be configured when it is shared with a pod");
  ContainerSpec mapped;
  mapped.userns.mode = UsernsChoice::Mode::keep_id;
  CHECK(refusal(mapped, pod) == "--userns and --pod cannot be set together");
}

TEST_CASE("the inspect document of a pod has its ports and its members", "[pod]") {
  PodInfo info;
  info.id = {std::string(64, 'b')};
  info.name = "p";
  info.hostname = "h";
  info.spec.shared.ports = {{"127.0.0.1", 8080, 80, 2, "tcp"}};
  info.members = in_states({ContainerState::running});
  const auto json = inspect_pod(info);
  CHECK(json.find("State")->as_string() == "Created");
  CHECK(json.find("NumContainers")->as_int() == 1);
  CHECK(dump_json(*json.find("InfraConfig")->find("PortBindings")) ==
        R"({"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}],"81/tcp":[{"HostIp":"127.0.0.1","HostPort":"8081"}]})");
  CHECK(dump_json(*json.find("SharedNamespaces")) == R"(["ipc","net","uts"])");
  info.spec.infra = false;
  CHECK(inspect_pod(info).find("InfraConfig")->is_null());
}

}  // namespace ctr::engine

#include "engine/kube/annotations.h"
#include "engine/kube/generate.h"
#include "engine/kube/plan.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;

namespace {

// What playing a generated document makes.
kube::PodPlan play_back(const Json& document) {
  auto plan = kube::plan_kube({"f", dump_json(document)}, {}, {});
  INFO((plan ? std::string() : plan.error().text()));
  REQUIRE(plan);
  REQUIRE(plan->pods.size() == 1);
  return std::move(plan->pods[0]);
}

kube::Generated generate(const kube::SourcePod& pod, const kube::GenerateOptions& options = {}) {
  auto generated = kube::generate_pod(pod, options);
  INFO((generated ? std::string() : generated.error().text()));
  REQUIRE(generated);
  return std::move(*generated);
}

kube::SourcePod pod_of(ContainerSpec spec) {
  kube::SourceContainer container;
  container.name = spec.name;
  container.image = spec.image;
  container.spec = std::move(spec);
  return {kube::pod_name_of(container.name), std::nullopt, {std::move(container)}, {}, {}};
}

ContainerSpec rich_spec() {
  ContainerSpec spec;
  spec.name = "web";
  spec.image = "docker.io/library/busybox:1.36";
  spec.entrypoint = std::vector<std::string>{"sh", "-c", "echo $HOME $(date) $$ $$(x)"};
  spec.command = {"a b", "yes"};
  spec.env = {"A=1", "B=$(A) $$", "C=", "D=yes"};
  spec.working_dir = "/srv";
  spec.terminal = true;
  spec.stdin_open = true;
  spec.user = "7:8";
  spec.groups = {"9"};
  spec.stop_timeout = std::chrono::seconds(3);
  spec.security.cap_add = {"CAP_NET_ADMIN"};
  spec.security.cap_drop = {"ALL"};
  spec.security.no_new_privileges = true;
  spec.read_only = true;
  spec.read_only_tmpfs = false;
  spec.resources.memory_bytes = 1 << 20;
  spec.resources.memory_reservation_bytes = 1 << 19;
  spec.resources.cpu_shares = 1000;
  spec.resources.cpu_period_us = 100'000;
  spec.resources.cpu_quota_us = 150'000;
  spec.restart.policy = RestartSpec::Policy::always;
  spec.mounts = {{MountSpec::Type::bind, "/srv/data", "/data", {"rbind", "ro"}, "part", true},
                 {MountSpec::Type::volume, "cache", "/cache", {}, ""},
                 {MountSpec::Type::tmpfs, "", "/scratch", {"size=1024"}, ""},
                 {MountSpec::Type::image, "tools:1", "/tools", {}, ""}};
  spec.health =
      oci::HealthConfig{{"CMD", "true"}, std::chrono::seconds(5), std::chrono::seconds(2), std::chrono::seconds(1), 4};
  spec.health_rules.on_failure = HealthAction::restart;
  spec.probes.readiness = ReadinessSpec{
      {"CTR-TCP", "127.0.0.1", "80"}, std::chrono::seconds(1), std::chrono::seconds(2), std::chrono::seconds(1), 3, 2};
  spec.probes.pre_stop = {"CTR-SLEEP", "1"};
  return spec;
}

}  // namespace

TEST_CASE("playing what was generated of a container gives the container") {
  const auto spec = rich_spec();
  const auto generated = generate(pod_of(spec));
  CHECK(generated.warnings.empty());
  auto pod = play_back(generated.documents.at(0));
  CHECK(pod.spec.name == "web-pod");
  REQUIRE(pod.containers.size() == 1);
  auto back = pod.containers[0].spec;
  CHECK(back.name == "web-pod-web");
  CHECK(pod.spec.shared.labels == std::map<std::string, std::string>{{"app", "web-pod"}});
  back.name = spec.name;
  back.labels.clear();
  CHECK(dump_json(to_json(back), {.indent = 1, .escape_html = false}) ==
        dump_json(to_json(spec), {.indent = 1, .escape_html = false}));
}

TEST_CASE("what Kubernetes cannot say is kept in an annotation when asked for") {
  auto spec = rich_spec();
  spec.ulimits = {{"nofile", 10, 20}};
  spec.oom_score_adj = 5;
  spec.user = "nobody";
  spec.http_proxy = false;
  const auto lossy = generate(pod_of(spec));
  REQUIRE(lossy.warnings.size() == 1);
  CHECK(lossy.warnings[0] ==
        "container web: Kubernetes cannot say user, oom_score_adj, ulimits, http_proxy; --podman-only keeps it in an "
        "annotation");
  kube::GenerateOptions options;
  options.podman_only = true;
  const auto whole = generate(pod_of(spec), options);
  CHECK(whole.warnings.empty());
  auto back = play_back(whole.documents.at(0)).containers.at(0).spec;
  back.name = spec.name;
  back.labels = spec.labels;
  CHECK(to_json(back) == to_json(spec));
}

TEST_CASE("what containers of a pod share, and what its volumes were filled with, is told as it was played") {
  const std::string text = R"(apiVersion: v1
kind: ConfigMap
metadata: {name: m, labels: {a: b}}
data: {k: v}
binaryData: {x: AAEC}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  volumes:
  - {name: mem, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
  - {name: map, configMap: {name: m, defaultMode: 0600, items: [{key: k, path: a/k}]}}
  - {name: all, projected: {sources: [{configMap: {name: m}}]}}
  - {name: zero, hostPath: {path: /dev/zero, type: CharDevice}}
  containers:
  - name: c
    image: i:1
    readinessProbe: {grpc: {port: 9090, service: shop.Cart}}
    livenessProbe: {httpGet: {scheme: HTTPS, port: 8443, path: /live}}
    volumeMounts:
    - {name: mem, mountPath: /mem}
    - {name: map, mountPath: /map}
    - {name: all, mountPath: /all}
    - {name: zero, mountPath: /dev/nothing, readOnly: true}
  - name: d
    image: i:1
    volumeMounts: [{name: mem, mountPath: /mem}]
)";
  const auto first = kube::plan_kube({"f.yaml", text}, {}, {});
  REQUIRE(first);
  const auto& plan = first->pods.at(0);
  kube::SourcePod pod;
  pod.name = "p";
  pod.spec = plan.spec;
  pod.origin = plan.origin;
  for (const auto& container : plan.containers) {
    pod.containers.push_back(
        {container.spec.name, container.spec.image, container.spec, {{"/dev/zero", "CharDevice"}}});
  }
  for (const auto& volume : plan.volumes) pod.anonymous.push_back(volume.name);
  const auto generated = generate(pod);
  CHECK(generated.warnings.empty());
  REQUIRE(generated.documents.size() == 2);
  std::string again = dump_json(generated.documents[0]) + "\n---\n" + dump_json(generated.documents[1]);
  const auto second = kube::plan_kube({"g.yaml", again}, {}, {});
  INFO((second ? again : second.error().text()));
  REQUIRE(second);
  auto back = second->pods.at(0);
  back.spec.shared.labels.clear();
  CHECK(to_json(back.spec) == to_json(plan.spec));
  CHECK(back.origin == plan.origin);
  CHECK(back.volumes == plan.volumes);
  REQUIRE(back.containers.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    back.containers[i].spec.labels.clear();
    CHECK(dump_json(to_json(back.containers[i].spec)) == dump_json(to_json(plan.containers[i].spec)));
  }
}

TEST_CASE("a controller has the restart policy that a cluster lets it have") {
  auto spec = rich_spec();
  spec.health = {};
  spec.health_rules = {};
  const auto policy = [&](kube::GeneratedKind kind) {
    kube::GenerateOptions options;
    options.kind = kind;
    const auto generated = generate(pod_of(spec), options);
    const auto text = dump_json(generated.documents.at(0));
    const size_t at = text.find("\"restartPolicy\":\"") + 17;
    const auto word = text.substr(at, text.find('"', at) - at);
    return word + (generated.warnings.empty() ? "" : ": " + generated.warnings.at(0));
  };
  CHECK(policy(kube::GeneratedKind::deployment) == "Always");
  CHECK(policy(kube::GeneratedKind::job) ==
        "OnFailure: pod web-pod: a Job has the restart policy OnFailure, not Always");
  spec.restart.policy = RestartSpec::Policy::no;
  CHECK(policy(kube::GeneratedKind::pod) == "Never");
  CHECK(policy(kube::GeneratedKind::job) == "Never");
  CHECK(policy(kube::GeneratedKind::daemon_set) ==
        "Always: pod web-pod: a DaemonSet has the restart policy Always, not Never");
}

TEST_CASE("a check of an image with words in place of numbers is left out of what is generated") {
  for (const auto& test : std::vector<std::vector<std::string>>{
           {"CTR-HTTP", "127.0.0.1", "x", "/"}, {"CTR-TCP", "::1", "99999999999999999999"}, {"CTR-SLEEP", ""}}) {
    INFO(test[0]);
    auto spec = rich_spec();
    spec.health = oci::HealthConfig{test, {}, {}, {}, 1};
    const auto made = kube::generate_pod(pod_of(spec), {});
    REQUIRE(made);
    CHECK(dump_json(made->documents.at(0)).find("livenessProbe") == std::string::npos);
  }
}

TEST_CASE("an annotation cannot name files of this host that are written") {
  ContainerSpec spec;
  for (const auto* text : {R"({"log": {"driver": "k8s-file", "options": {"path": "/home/user/.profile"}}})",
                           R"({"health_rules": {"log_destination": "/home/user"}})"}) {
    INFO(text);
    CHECK_FALSE(kube::apply_annotations({{std::string(kube::k_spec_annotation) + "c", text}}, {"c", {}}, spec));
    CHECK(spec == ContainerSpec());
  }
  const auto* harmless = R"({"log": {"driver": "k8s-file", "options": {"max-size": "1m"}}})";
  REQUIRE(kube::apply_annotations({{std::string(kube::k_spec_annotation) + "c", harmless}}, {"c", {}}, spec));
  CHECK(spec.log.options.at("max-size") == "1m");
  auto wanted = spec;
  wanted.log.options["path"] = "/here/log";
  wanted.health_rules.log_destination = "/here";
  CHECK(kube::spec_difference(wanted, spec).as_object().empty());
}

TEST_CASE("an annotation cannot set what belongs to this host") {
  ContainerSpec spec;
  for (const auto* member : {"name", "pod", "cid_file", "pid_file", "monitor_pid_file", "runtime", "init_path",
                             "create_command", "notify"}) {
    const auto text = dump_json(Json::object().set(member, "x"));
    CHECK_FALSE(kube::apply_annotations({{std::string(kube::k_spec_annotation) + "c", text}}, {"c", {}}, spec));
  }
  CHECK_FALSE(kube::apply_annotations({{std::string(kube::k_spec_annotation) + "c", "[]"}}, {"c", {}}, spec));
  CHECK(kube::apply_annotations({{std::string(kube::k_spec_annotation) + "other", "[]"}}, {"c", {}}, spec));
}

TEST_CASE("a pod is generated with its containers, ports and namespaces") {
  kube::SourcePod pod;
  pod.name = "p";
  pod.spec.emplace();
  pod.spec->share.insert("pid");
  pod.spec->shared.labels = {{"app", "x"}};
  pod.spec->shared.hostname = "host";
  pod.spec->shared.ports = {{"127.0.0.1", 30080, 80, 2, "tcp"}, {"", 53, 53, 1, "udp"}};
  pod.spec->shared.dns_servers = {"10.0.0.1"};
  pod.spec->shared.add_hosts = {"one:10.1.2.3"};
  for (const auto* name : {"p-first", "other"}) {
    kube::SourceContainer container;
    container.name = name;
    container.spec.name = name;
    container.spec.image = "localhost/i:1";
    pod.containers.push_back(container);
  }
  pod.containers[0].spec.init_container = "once";
  pod.containers[1].spec.mounts = {{MountSpec::Type::volume, "p-data", "/data", {}, ""}};
  pod.anonymous = {"p-data"};
  kube::GenerateOptions options;
  options.service = true;
  const auto generated = generate(pod, options);
  REQUIRE(generated.documents.size() == 2);
  const auto back = play_back(generated.documents[0]);
  CHECK(back.spec.share == pod.spec->share);
  CHECK(back.spec.shared.hostname == "host");
  CHECK(back.spec.shared.dns_servers == pod.spec->shared.dns_servers);
  CHECK(back.spec.shared.add_hosts == pod.spec->shared.add_hosts);
  CHECK(back.spec.shared.ports == std::vector<PortMapping>{{"127.0.0.1", 30080, 80, 1, "tcp"},
                                                           {"127.0.0.1", 30081, 81, 1, "tcp"},
                                                           {"", 53, 53, 1, "udp"}});
  CHECK(back.containers.at(0).name == "first");
  CHECK(back.containers.at(0).role == kube::ContainerPlan::Role::init);
  CHECK(back.volumes.at(0).name == "p-data");
  CHECK(generated.documents[1].find("kind")->as_string() == "Service");
}

TEST_CASE("what Kubernetes cannot say of a pod is told, or kept in an annotation") {
  auto pod = pod_of(rich_spec());
  pod.spec.emplace();
  pod.spec->name = pod.name;
  CHECK(generate(pod).warnings.empty());
  auto& shared = pod.spec->shared;
  pod.spec->share = {"net"};
  pod.spec->share_parent = false;
  shared.network.mode = NetworkChoice::Mode::bridge;
  shared.network.networks.emplace_back().network = "mine";
  shared.shm_size_bytes = 4096;
  shared.no_hosts = true;
  pod.containers[0].spec.no_hosts = true;
  shared.userns.mode = UsernsChoice::Mode::keep_id;
  shared.userns.keep_uid = 7;
  const auto plain = generate(pod);
  REQUIRE(plain.warnings.size() == 1);
  CHECK(plain.warnings[0].starts_with("pod web-pod: Kubernetes cannot say share, share_parent, "));
  for (const auto* word : {"network", "shm_size_bytes", "no_hosts"}) {
    CHECK(plain.warnings[0].find(word) != std::string::npos);
  }
  CHECK(play_back(plain.documents.at(0)).spec.shared.userns == shared.userns);
  kube::GenerateOptions options;
  options.podman_only = true;
  const auto whole = generate(pod, options);
  CHECK(whole.warnings.empty());
  const auto back = play_back(whole.documents.at(0)).spec;
  CHECK(dump_json(whole.documents.at(0)).find("spec.ctr.containers") == std::string::npos);
  CHECK(back.share == pod.spec->share);
  CHECK_FALSE(back.share_parent);
  CHECK(back.exit_policy == pod.spec->exit_policy);
  CHECK(back.shared.network == shared.network);
  CHECK(back.shared.shm_size_bytes == shared.shm_size_bytes);
  CHECK(back.shared.no_hosts);
  CHECK(back.shared.userns == shared.userns);
  // The network that pods of files are in by themselves is nothing to tell.
  pod.spec = PodSpec();
  pod.containers[0].spec.no_hosts = false;
  pod.spec->shared.network = shared.network;
  options = {};
  options.default_network = "mine";
  pod.spec->shared.hostname = pod.name;
  CHECK(generate(pod, options).warnings.empty());
  CHECK(dump_json(generate(pod, options).documents.at(0)).find("hostname") == std::string::npos);
}

TEST_CASE("the annotation of a pod cannot set what is its members' or this host's") {
  PodSpec spec;
  const std::string key(kube::k_pod_annotation);
  for (const auto* text : {R"({"name": "x"})", R"({"id_file": "/x"})", R"({"monitor_pid_file": "/x"})",
                           R"({"shared": {"create_command": ["x"]}})", R"({"shared": {"cid_file": "/x"}})",
                           R"({"shared": 5})", R"([])", R"({"share": ["x"]})", "{"}) {
    INFO(text);
    CHECK_FALSE(kube::apply_pod_annotation({{key, text}}, spec));
    CHECK(spec == PodSpec());
  }
}

TEST_CASE("a container in a network of the user says so, and processes of the host are shared with nobody") {
  auto spec = rich_spec();
  spec.network.mode = NetworkChoice::Mode::bridge;
  spec.network.networks.emplace_back().network = "mine";
  CHECK(generate(pod_of(spec)).warnings ==
        std::vector<std::string>{"pod web-pod: Kubernetes cannot say network; --podman-only keeps it in "
                                 "an annotation"});
  auto pod = pod_of(rich_spec());
  pod.spec.emplace();
  pod.spec->share.insert("pid");
  pod.spec->shared.pid.mode = NamespaceChoice::Mode::host;
  CHECK(play_back(generate(pod).documents.at(0)).containers.at(0).spec.pid.mode == NamespaceChoice::Mode::host);
}

TEST_CASE("volumes whose names look alike stay apart") {
  auto spec = rich_spec();
  spec.mounts = {{MountSpec::Type::bind, "/srv/a_b", "/1", {"rbind"}, ""},
                 {MountSpec::Type::bind, "/srv/a-b", "/2", {"rbind"}, ""},
                 {MountSpec::Type::bind, "/srv/a_b", "/3", {"rbind"}, ""},
                 {MountSpec::Type::volume, std::string(60, 'x'), "/4", {}, ""},
                 {MountSpec::Type::volume, "y" + std::string(59, 'x'), "/5", {}, ""}};
  const auto back = play_back(generate(pod_of(spec)).documents.at(0)).containers.at(0).spec.mounts;
  REQUIRE(back.size() == 5);
  for (size_t i = 0; i < back.size(); ++i) CHECK(back[i].source == spec.mounts[i].source);
}

TEST_CASE("a controller is generated such that playing it makes the same pod") {
  for (const auto kind : {kube::GeneratedKind::deployment, kube::GeneratedKind::daemon_set, kube::GeneratedKind::job}) {
    kube::GenerateOptions options;
    options.kind = kind;
    CHECK(play_back(generate(pod_of(rich_spec()), options).documents.at(0)).spec.name == "web-pod");
  }
  kube::GenerateOptions options;
  options.replicas = 2;
  CHECK_FALSE(kube::generate_pod(pod_of(rich_spec()), options));
}

TEST_CASE("a volume is generated as a claim") {
  VolumeInfo volume;
  volume.name = "v";
  volume.driver = "local";
  volume.labels = {{"a", "b"}};
  volume.options = {{"type", "tmpfs"}, {"o", "size=1m"}};
  const auto plan = kube::plan_kube({"f", dump_json(kube::generate_claim(volume))}, {}, {});
  REQUIRE(plan);
  CHECK(plan->claims.at(0).name == "v");
  CHECK(plan->claims.at(0).labels == volume.labels);
  CHECK(plan->claims.at(0).options == volume.options);
}

#include <fmt/format.h>

#include "base/file.h"
#include "engine/kube/plan.h"
#include "engine/kube/quantity.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;

namespace {

kube::Choices test_choices() {
  kube::Choices choices;
  choices.node_name = "here";
  return choices;
}

Result<kube::Plan> plan(const std::string& text, const kube::Choices& choices = test_choices()) {
  return kube::plan_kube({"f.yaml", text}, {}, choices);
}

std::string error_of(const std::string& text, const kube::Choices& choices = test_choices()) {
  const auto made = plan(text, choices);
  return made ? "" : made.error().text();
}

Json json_of(const VolumeOptions& volume) {
  Json json = Json::object().set("name", volume.name).set("anonymous", volume.anonymous).set("mode", volume.mode);
  json.set("options", Json::string_map(volume.options)).set("labels", Json::string_map(volume.labels));
  if (volume.gid) json.set("gid", *volume.gid);
  if (volume.files) {
    Json files = Json::array();
    for (const auto& file : *volume.files) {
      files.push(Json::object().set("path", file.path).set("bytes", file.bytes).set("mode", file.mode));
    }
    json.set("files", std::move(files));
  }
  return json;
}

Json json_of(const kube::ContainerPlan& container) {
  return Json::object()
      .set("name", container.name)
      .set("role", static_cast<int>(container.role))
      .set("pull", static_cast<int>(container.pull))
      .set("not_root", container.not_root)
      .set("spec", to_json(container.spec));
}

Json json_of(const kube::PodPlan& pod) {
  Json containers = Json::array();
  for (const auto& container : pod.containers) containers.push(json_of(container));
  Json volumes = Json::array();
  for (const auto& volume : pod.volumes) volumes.push(json_of(volume));
  Json paths = Json::array();
  for (const auto& check : pod.host_paths) paths.push(fmt::format("{} {}", static_cast<int>(check.type), check.path));
  return Json::object()
      .set("kind", pod.kind)
      .set("name", pod.spec.name)
      .set("share", Json::strings({pod.spec.share.begin(), pod.spec.share.end()}))
      .set("stops", pod.spec.exit_policy == PodSpec::ExitPolicy::stop)
      .set("shared", to_json(pod.spec.shared))
      .set("volumes", std::move(volumes))
      .set("host_paths", std::move(paths))
      .set("containers", std::move(containers));
}

Json json_of(const kube::Plan& plan) {
  Json pods = Json::array();
  for (const auto& pod : plan.pods) pods.push(json_of(pod));
  Json claims = Json::array();
  for (const auto& claim : plan.claims) claims.push(json_of(claim));
  Json secrets = Json::array();
  for (const auto& secret : plan.secrets) secrets.push(Json::object().set(secret.name, secret.document));
  return Json::object()
      .set("claims", std::move(claims))
      .set("secrets", std::move(secrets))
      .set("pods", std::move(pods))
      .set("warnings", Json::strings(plan.warnings));
}

// Plays tests/golden/kube/<name>.yaml on paper, and compares with <name>.json; CTR_ACCEPT=1 writes it.
void check_golden(const std::string& name, const kube::Choices& choices = test_choices()) {
  const char* root = std::getenv("CTR_SOURCE_ROOT");
  REQUIRE(root != nullptr);
  const auto path = std::string(root) + "/tests/golden/kube/" + name;
  const auto text = read_file(path + ".yaml");
  REQUIRE(text);
  const auto made = plan(*text, choices);
  INFO((made ? std::string() : made.error().text()));
  REQUIRE(made);
  const auto json = dump_json(json_of(*made), {.indent = 2, .escape_html = false}) + "\n";
  if (std::getenv("CTR_ACCEPT") != nullptr) {
    const auto dir = Dir::open(std::string(root) + "/tests/golden/kube");
    REQUIRE(dir);
    REQUIRE(dir->write_file(name + ".json", json, Sync::no, 0644));
  }
  const auto golden = read_file(path + ".json");
  REQUIRE(golden);
  CHECK(*golden == json);
}

std::string pod_with(const std::string& spec) {
  return "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n" + spec;
}

std::string container_with(const std::string& fields) {
  return pod_with("  containers:\n  - name: c\n    image: i:1\n" + fields);
}

}  // namespace

TEST_CASE("Kubernetes YAML becomes pods and containers") {
  check_golden("pod");
  check_golden("controllers");
  check_golden("env");
  check_golden("volumes");
  check_golden("probes");
  check_golden("security");
}

TEST_CASE("amounts of Kubernetes are numbers") {
  CHECK(*kube::parse_quantity_milli("250m") == 250);
  CHECK(*kube::parse_quantity_milli("1.5") == 1500);
  CHECK(*kube::parse_quantity_milli("0.1") == 100);
  CHECK(*kube::parse_quantity("64Mi") == int64_t{64} << 20);
  CHECK(*kube::parse_quantity("1e3") == 1000);
  CHECK(*kube::parse_quantity("1.5G") == 1'500'000'000);
  CHECK(*kube::parse_quantity("100m") == 1);
  for (const auto* text : {"", "x", "1X", "-1", "1 Mi", "Mi", "nan", "1e99"}) CHECK_FALSE(kube::parse_quantity(text));
}

TEST_CASE("an amount of processors that cannot be computed with is an error") {
  CHECK(error_of(container_with("    resources:\n      limits: {cpu: 9e15}\n")) ==
        "f.yaml:10: spec.containers[0].resources.limits.cpu: is more than a thousand million processors");
  CHECK_FALSE(error_of(container_with("    resources:\n      requests: {cpu: 9P}\n")).empty());
  CHECK(error_of(container_with("    resources:\n      limits: {cpu: 100}\n")).empty());
}

TEST_CASE("a field that is not supported is named with file, line and path") {
  CHECK(error_of(container_with("    foo: 1\n")) == "f.yaml:9: spec.containers[0].foo: not supported");
  CHECK(error_of(pod_with("  bar: {}\n  containers: []\n")) == "f.yaml:6: spec: there are no containers");
  CHECK(error_of(container_with("    lifecycle:\n      preStop:\n        grpc: {port: 1}\n")) ==
        "f.yaml:11: spec.containers[0].lifecycle.preStop.grpc: not supported");
  const auto part_of = [](const std::string& volume) {
    return container_with("    volumeMounts:\n    - {name: v, mountPath: /v, subPath: x}\n  volumes:\n  - {name: v, " +
                          volume + "}\n");
  };
  CHECK(error_of(part_of("emptyDir: {medium: Memory}")).empty());
  CHECK(error_of(part_of("image: {reference: i}")).empty());
  CHECK(error_of("apiVersion: apps/v1\nkind: StatefulSet\n") ==
        "f.yaml:2: kind: 'StatefulSet' is not supported; write its pod as a Pod or a Deployment");
  CHECK(error_of("apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  parallelism: 3\n") ==
        "f.yaml:5: spec.parallelism: 3 is not supported: there is one pod");
  CHECK(error_of("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Node\n") ==
        "f.yaml:5: kind: 'Node' is not supported");
}

TEST_CASE("fields that are not supported can be left out") {
  auto choices = test_choices();
  choices.unsupported = kube::Unsupported::ignored;
  const auto made = plan(container_with("    foo: 1\n    resources:\n      limits:\n        bar: 1\n"), choices);
  REQUIRE(made);
  CHECK(made->warnings == std::vector<std::string>{"f.yaml:12: spec.containers[0].resources.limits.bar: not supported",
                                                   "f.yaml:9: spec.containers[0].foo: not supported"});
}

TEST_CASE("of a Deployment with several replicas one pod is made, which is said") {
  const auto made = plan(
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  replicas: 3\n"
      "  template:\n    spec:\n      containers:\n      - {name: c, image: i}\n",
      test_choices());
  REQUIRE(made);
  CHECK(made->pods.size() == 1);
  CHECK(made->warnings == std::vector<std::string>{"f.yaml:5: spec.replicas: one pod is made in place of 3"});
}

TEST_CASE("mistakes in Kubernetes YAML are named with file, line and path") {
  CHECK(error_of(container_with("    tty: maybe\n")) ==
        "f.yaml:9: spec.containers[0].tty: expected true or false, not a text");
  CHECK(error_of(container_with("    ports:\n    - containerPort: 70000\n")) ==
        "f.yaml:10: spec.containers[0].ports[0].containerPort: 70000 is not between 1 and 65535");
  CHECK(error_of(pod_with("  containers:\n  - image: i\n")) == "f.yaml:7: spec.containers[0]: name is missing");
  CHECK(error_of(container_with("    volumeMounts:\n    - {name: v, mountPath: /v}\n")) ==
        "f.yaml:10: spec.containers[0].volumeMounts[0].name: there is no volume 'v'");
  CHECK(error_of(container_with(
            "    env:\n    - name: A\n      valueFrom:\n        configMapKeyRef: {name: m, key: k}\n")) ==
        "f.yaml:12: spec.containers[0].env[0].valueFrom.configMapKeyRef: there is no ConfigMap 'm'");
  CHECK(error_of(container_with("  restartPolicy: Sometimes\n")) ==
        "f.yaml:9: spec.restartPolicy: is none of Always, OnFailure and Never");
  CHECK(error_of(container_with("    resources: {limits: {memory: lots}}\n")) ==
        "f.yaml:9: spec.containers[0].resources.limits.memory: 'lots' is not an amount, such as 250m, 2 or 64Mi");
  CHECK(error_of(container_with("    livenessProbe:\n      httpGet: {port: web}\n")) ==
        "f.yaml:10: spec.containers[0].livenessProbe.httpGet.port: 'web' is no port and no name of one of the "
        "container's");
  CHECK(error_of(container_with("  - name: c\n    image: i:1\n")) ==
        "f.yaml:9: spec.containers[1].name: 'c' is there twice");
  CHECK(error_of("apiVersion: v2\nkind: Pod\n") == "f.yaml:1: apiVersion: 'v2' is not v1, of which Pod is");
  CHECK(error_of("kind: Pod\n") == "f.yaml:1: the document: apiVersion is missing");
  CHECK(error_of("# nothing\n").starts_with("f.yaml: there is nothing to play"));
}

TEST_CASE("an object that is in a file twice is an error") {
  const std::string claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: d}\n";
  CHECK(error_of(claim + "---\n" + claim) == "f.yaml:5: the document: there are two PersistentVolumeClaims 'd'");
  const std::string map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n";
  CHECK(error_of(map + "---\n" + map) == "f.yaml:5: the document: there are two ConfigMaps 'm'");
  const auto both = kube::plan_kube({"f.yaml", map}, {{"maps.yaml", map}}, test_choices());
  REQUIRE_FALSE(both);
  CHECK(both.error().text() == "f.yaml:1: the document: there are two ConfigMaps 'm'");
}

TEST_CASE("what a play has made is called by the names in its file") {
  const auto names =
      kube::names_in({"f.yaml",
                      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  template:\n    spec:\n"
                      "      volumes: [{name: v}, {name: w, emptyDir: {}}]\n---\n"
                      "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {volumes: [{name: x}]}\n---\n"
                      "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\n"});
  REQUIRE(names);
  CHECK(names->pods == std::vector<std::string>{"d-pod", "p"});
  CHECK(names->volumes == std::vector<std::string>{"d-pod-v", "d-pod-w", "p-x"});
  CHECK(names->claims == std::vector<std::string>{"c"});
}

TEST_CASE("a pod has no more volumes in memory than it can hold") {
  std::string volumes = "  volumes:\n";
  std::string mounts = "    volumeMounts:\n";
  for (size_t i = 0; i <= k_most_memories; ++i) {
    volumes += fmt::format("  - {{name: v{}, emptyDir: {{medium: Memory}}}}\n", i);
    for (const auto* place : {"a", "b"}) mounts += fmt::format("    - {{name: v{}, mountPath: /{}{}}}\n", i, place, i);
  }
  CHECK(error_of(container_with(mounts + volumes)).ends_with("spec.volumes: a pod can have 32 volumes in memory"));
  CHECK(error_of(container_with("  volumes:\n  - {name: v, emptyDir: {medium: Memory, sizeLimit: -1}}\n"))
            .find("emptyDir.sizeLimit: '-1' is not an amount") != std::string::npos);
}

TEST_CASE("what a file names stays below what it may name") {
  const std::string volume =
      "  volumes:\n  - name: v\n    configMap:\n      name: m\n      items:\n      - {key: k, path: ";
  const std::string map = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: x}\n";
  const std::string mount = "    volumeMounts:\n    - {name: v, mountPath: /v, subPath: ";
  for (const auto* path : {"../x", "/x", "a/../../x", "a//b"}) {
    CHECK(error_of(container_with(volume + path + "}\n") + map).find("is not a path below the volume") !=
          std::string::npos);
    CHECK(error_of(container_with(mount + path + "}\n  volumes:\n  - name: v\n"))
              .find("is not a path below the volume") != std::string::npos);
  }
  CHECK(error_of(container_with(
            "    securityContext:\n      seccompProfile: {type: Localhost, localhostProfile: ../x}\n")) ==
        "f.yaml:10: spec.containers[0].securityContext.seccompProfile.localhostProfile: is not a path below "
        "--seccomp-profile-root");
  CHECK(error_of("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a/b: x}\n") ==
        "f.yaml:1: the document: 'a/b' cannot be a key");
  CHECK(error_of("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: '*'}\n") ==
        "f.yaml:4: data: the value of 'a' is not base64");
}

TEST_CASE("options of the command line count for all pods of a file") {
  auto choices = test_choices();
  choices.pod_prefix = false;
  choices.annotations = {{"a", "b"}};
  choices.publish_all = true;
  choices.ports = {{"127.0.0.1", 8080, 80, 1, "tcp"}};
  choices.log.driver = "none";
  const auto made = plan(container_with("    ports:\n    - {containerPort: 80, hostPort: 81}\n    - containerPort: 53\n"
                                        "      protocol: UDP\n"),
                         choices);
  REQUIRE(made);
  const auto& pod = made->pods.at(0);
  CHECK(pod.containers.at(0).spec.name == "c");
  CHECK(pod.containers.at(0).spec.annotations.at("a") == "b");
  CHECK(pod.containers.at(0).spec.log.driver == "none");
  CHECK(pod.spec.shared.ports == std::vector<PortMapping>{{"127.0.0.1", 8080, 80, 1, "tcp"}, {"", 53, 53, 1, "udp"}});
}

TEST_CASE("a pod that does not say otherwise is in the default network, by the names of its containers, too") {
  auto choices = test_choices();
  choices.default_network = "kube";
  const auto network_of = [&](const std::string& line) {
    const auto made = plan(container_with(line), choices);
    return made ? made->pods.at(0).spec.shared.network : NetworkChoice{};
  };
  const auto usual = network_of("");
  CHECK(usual.mode == NetworkChoice::Mode::bridge);
  REQUIRE(usual.networks.size() == 1);
  CHECK(usual.networks[0].network == "kube");
  CHECK(usual.networks[0].aliases == std::vector<std::string>{"c"});
  CHECK(network_of("  hostNetwork: true\n").mode == NetworkChoice::Mode::host);
  choices.network = NetworkChoice{};
  choices.network->mode = NetworkChoice::Mode::none;
  CHECK(network_of("").mode == NetworkChoice::Mode::none);
}

TEST_CASE("what is for files is no variable, and a resource without a limit is that of the machine") {
  auto choices = test_choices();
  const std::string map =
      "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: x}\nbinaryData: {b: AAEC}\n";
  const std::string limit =
      "    - {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}\n"
      "    - {name: MEM, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}\n";
  const std::string requests = "    - {name: REQ, valueFrom: {resourceFieldRef: {resource: requests.cpu}}}\n";
  const auto env = [&](const std::string& lines) {
    const auto made =
        plan(container_with("    envFrom: [{configMapRef: {name: m}}]\n    env:\n" + lines) + map, choices);
    return made ? made->pods.at(0).containers.at(0).spec.env : std::vector<std::string>{made.error().text()};
  };
  CHECK(env(requests) == std::vector<std::string>{"a=x", "REQ=0"});
  CHECK(env(limit).at(0).ends_with("resource: the container has no such limit"));
  choices.node_cpus = 4;
  choices.node_memory_bytes = int64_t{3} << 20;
  CHECK(env(limit) == std::vector<std::string>{"a=x", "CPU=4", "MEM=3"});
  CHECK(
      env("    - {name: B, valueFrom: {configMapKeyRef: {name: m, key: b}}}\n").at(0).ends_with("'m' has no key 'b'"));
}

TEST_CASE("annotations that files for podman have are carried out") {
  const auto annotated = [](const std::string& annotation) {
    return "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations: {" + annotation +
           "}\nspec:\n  containers:\n  - {name: c, image: i}\n";
  };
  const auto container = [&](const std::string& annotation) {
    const auto made = plan(annotated(annotation));
    INFO((made ? annotation : made.error().text()));
    REQUIRE(made);
    return made->pods.at(0).containers.at(0).spec;
  };
  const std::string seccomp = "container.seccomp.security.alpha.kubernetes.io/c: ";
  CHECK(container(seccomp + "unconfined").security.seccomp_profile == "unconfined");
  CHECK(container(seccomp + "localhost/a/b.json").security.seccomp_profile == "/var/lib/kubelet/seccomp/a/b.json");
  CHECK(container("seccomp.security.alpha.kubernetes.io/pod: unconfined").security.seccomp_profile == "unconfined");
  CHECK(error_of(annotated(seccomp + "localhost/../x")).ends_with("which is not supported"));
  CHECK(container("io.podman.annotations.cpuset/c: 0-1").resources.cpuset_cpus == "0-1");
  CHECK(container("io.podman.annotations.memory-nodes/c: '0'").resources.cpuset_mems == "0");
  CHECK(container("io.podman.annotations.pids-limit/c: '7'").resources.pids == 7);
  const auto userns = [&](const std::string& word) {
    return plan(annotated("io.podman.annotations.userns: " + word)).value().pods.at(0).spec.shared.userns.mode;
  };
  CHECK(userns("auto") == UsernsChoice::Mode::automatic);
  CHECK(userns("keep-id") == UsernsChoice::Mode::keep_id);
  const auto keep = plan(annotated("io.podman.annotations.userns: 'keep-id:uid=7,gid=8'"));
  CHECK(keep.value().pods.at(0).spec.shared.userns.keep_uid == 7);
  CHECK(keep.value().pods.at(0).spec.shared.userns.keep_gid == 8);
  CHECK(error_of(annotated("io.podman.annotations.userns: 'keep-id:x=7'")).find("must be uid=N, gid=N") !=
        std::string::npos);
  CHECK(container("io.podman.annotations.privileged/c: 'TRUE'").security.privileged);
  CHECK(container("io.podman.annotations.init/c: 'true'").init);
  CHECK(container("io.podman.annotations.seccomp/c: unconfined").security.seccomp_profile == "unconfined");
  CHECK(container("io.podman.annotations.ulimit: 'nofile=5:6,core=0'").ulimits ==
        std::vector<UlimitSpec>{{"nofile", 5, 6}, {"core", 0, 0}});
}

TEST_CASE("an annotation that is known and not carried out is an error, and one that is not known stays one") {
  const auto annotated = [](const std::string& annotation) {
    return "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations: {" + annotation +
           "}\nspec:\n  containers:\n  - {name: c, image: i}\n";
  };
  const std::string mounts = annotated("io.podman.annotations.kube.image.volumes.mount/c: i");
  CHECK(
      error_of(mounts).starts_with("f.yaml:8: spec.containers[0]: the annotation io.podman.annotations.kube.image."
                                   "volumes.mount/c with the value 'i' is not supported"));
  auto choices = test_choices();
  choices.unsupported = kube::Unsupported::ignored;
  CHECK(plan(mounts, choices).value().warnings.size() == 1);
  CHECK(error_of(annotated("io.podman.annotations.privileged/c: maybe")).find("is neither true nor false") !=
        std::string::npos);
  CHECK(error_of(annotated("io.podman.annotations.ulimit: nonsense=1")).find("invalid ulimit type") !=
        std::string::npos);
  const auto other = plan(annotated("io.podman.annotations.new: x"));
  CHECK(other.value().pods.at(0).containers.at(0).spec.annotations.at("io.podman.annotations.new") == "x");
}

TEST_CASE("volumes-from names containers of the file as the file does") {
  const auto made = plan(
      "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations: "
      "{io.podman.annotations.volumes-from/c: 'first:ro;other;third'}\nspec:\n  containers:\n"
      "  - {name: first, image: i}\n  - {name: other, image: i}\n  - {name: c, image: i}\n");
  REQUIRE(made);
  CHECK(made->pods.at(0).containers.at(2).spec.volumes_from ==
        std::vector<std::string>{"p-first:ro", "p-other", "third"});
}

TEST_CASE("a part of a volume is made where it is not there, in memory, too") {
  const auto made =
      plan(container_with("    volumeMounts:\n    - {name: m, mountPath: /m, subPath: a/b}\n"
                          "    - {name: e, mountPath: '/e:z,noexec', subPath: x}\n"
                          "  volumes:\n  - {name: m, emptyDir: {medium: Memory}}\n"
                          "  - {name: e, emptyDir: {}}\n"));
  REQUIRE(made);
  const auto& pod = made->pods.at(0);
  CHECK(pod.spec.memory == std::vector<PodMemory>{{"m", {}, {}}});
  const auto& mounts = pod.containers.at(0).spec.mounts;
  CHECK(mounts == std::vector<MountSpec>{{MountSpec::Type::memory, "m", "/m", {}, "a/b", true},
                                         {MountSpec::Type::volume, "p-e", "/e", {"z", "noexec"}, "x", true}});
  // What others put there before may be a file.
  CHECK(pod.volumes.at(0).files->empty());
}

TEST_CASE("memory of one container belongs to the group of the pod's volumes") {
  const auto made =
      plan(container_with("    volumeMounts: [{name: m, mountPath: /m}]\n"
                          "  securityContext: {fsGroup: 7}\n"
                          "  volumes: [{name: m, emptyDir: {medium: Memory, sizeLimit: 1Ki}}]\n"));
  REQUIRE(made);
  CHECK(made->pods.at(0).containers.at(0).spec.mounts.at(0).options ==
        std::vector<std::string>{"size=1024", "mode=2777", "gid=7"});
}

TEST_CASE("files tell all labels, and the resources of any container") {
  auto choices = test_choices();
  choices.node_cpus = 4;
  const std::string volume =
      "  volumes:\n  - name: v\n    downwardAPI:\n      items:\n"
      "      - {path: labels, fieldRef: {fieldPath: metadata.labels}}\n"
      "      - {path: cpu, resourceFieldRef: {containerName: c, resource: limits.cpu, divisor: 1m}}\n";
  const std::string text =
      "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {b: 'x \"y\"', a: z}}\nspec:\n"
      "  containers:\n  - {name: c, image: i, volumeMounts: [{name: v, mountPath: /v}], "
      "resources: {limits: {cpu: 1500m}}}\n" +
      volume;
  const auto made = plan(text, choices);
  INFO((made ? std::string() : made.error().text()));
  REQUIRE(made);
  const auto& files = *made->pods.at(0).volumes.at(0).files;
  CHECK(files.at(0).bytes == "a=\"z\"\nb=\"x \\\"y\\\"\"");
  CHECK(files.at(1).bytes == "1500");
  const auto env = [](const std::string& name) {
    return container_with(
        "    env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, containerName: " + name + "}}}]\n");
  };
  CHECK(error_of(env("d"), choices).find("there is no container 'd'") != std::string::npos);
  CHECK(error_of(container_with("    env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.labels}}}]\n"))
            .find("'metadata.labels' is not supported") != std::string::npos);
}

TEST_CASE("a Job is tried as often as it says, and not begun again") {
  const auto job = [](const std::string& fields, const std::string& policy) {
    return "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n" + fields + "  template:\n    spec:\n" +
           policy + "      containers: [{name: c, image: i}]\n";
  };
  const auto container = [&](const std::string& fields, const std::string& policy) {
    return plan(job(fields, "      restartPolicy: " + policy + "\n")).value().pods.at(0).containers.at(0).spec;
  };
  CHECK(container("  backoffLimit: 2\n", "OnFailure").restart == RestartSpec{RestartSpec::Policy::on_failure, 2});
  CHECK(container("", "OnFailure").restart == RestartSpec{RestartSpec::Policy::on_failure, 6});
  CHECK(container("  backoffLimit: 0\n", "OnFailure").restart == RestartSpec{});
  CHECK(container("  activeDeadlineSeconds: 9\n", "Never").timeout == std::chrono::seconds(9));
  CHECK(error_of(job("", "")).find("restartPolicy: Always would begin a Job again") != std::string::npos);
}

TEST_CASE("a short file cannot ask for endless copies") {
  std::string env = "    env:\n    - {name: V0, value: xxxxxxxxxx}\n";
  for (int i = 1; i < 40; ++i) {
    env += fmt::format("    - {{name: V{}, value: '$(V{})$(V{})$(V{})$(V{})'}}\n", i, i - 1, i - 1, i - 1, i - 1);
  }
  CHECK(error_of(container_with(env)).find(".value: with this, more than 134217728 bytes are copied") !=
        std::string::npos);
  std::string map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: '" + std::string(1 << 20, 'x') +
                    "'}\n---\n" + pod_with("  containers:\n");
  for (int i = 0; i < 200; ++i)
    map += fmt::format("  - {{name: c{}, image: i, envFrom: [{{configMapRef: {{name: m}}}}]}}\n", i);
  CHECK(error_of(map).find("are copied") != std::string::npos);
  std::string labels = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, annotations: {k: '" + std::string(1 << 20, 'x') +
                       "'}}\nspec:\n  containers:\n";
  for (int i = 0; i < 200; ++i) labels += fmt::format("  - {{name: c{}, image: i}}\n", i);
  CHECK(error_of(labels).find("are copied") != std::string::npos);
}

TEST_CASE("a service leads to the port that has the name") {
  const std::string service =
      "---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  selector: {app: p}\n"
      "  ports: [{port: 80, nodePort: 30080, targetPort: ";
  const std::string pod =
      "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: p}}\nspec:\n  containers:\n"
      "  - {name: c, image: i, ports: [{containerPort: 8080, name: web}]}\n";
  const auto ports = [&](const std::string& target) {
    return plan(pod + service + target + "}]\n").value().pods.at(0).spec.shared.ports;
  };
  CHECK(ports("web") == std::vector<PortMapping>{{"", 30080, 8080, 1, "tcp"}});
  CHECK(ports("81") == std::vector<PortMapping>{{"", 30080, 81, 1, "tcp"}});
  CHECK(ports("other").empty());
  CHECK(error_of(pod + service + "81, protocol: SCTP}]\n").find("is neither TCP nor UDP") != std::string::npos);
}

TEST_CASE("a pod can name a secret that is stored already") {
  auto choices = test_choices();
  choices.read_secret = [](const std::string& name) -> Result<std::string> {
    if (name == "broken") return std::string("just text");
    if (name != "s") return Error(Errc::not_found, "no such secret");
    return std::string(R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"k":"dg=="}})");
  };
  const auto env = [](const std::string& name) {
    return container_with("    env:\n    - name: A\n      valueFrom:\n        secretKeyRef: {name: " + name +
                          ", key: k}\n");
  };
  const auto made = plan(env("s"), choices);
  REQUIRE(made);
  CHECK(made->pods.at(0).containers.at(0).spec.env == std::vector<std::string>{"A=v"});
  CHECK(error_of(env("t"), choices).find("there is no Secret 't'") != std::string::npos);
  CHECK(error_of(env("broken"), choices).find("secret broken:1:") != std::string::npos);
}

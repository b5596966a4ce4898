#include "engine/kube/apply.h"
#include "tests/catch.h"

using namespace ctr;
using namespace ctr::engine;

namespace {

const std::string k_config = R"(apiVersion: v1
kind: Config
current-context: here
contexts:
- {name: other, context: {cluster: c, user: u}}
- {name: here, context: {cluster: c, user: u, namespace: mine}}
clusters:
- name: c
  cluster: {server: "https://10.0.0.1:6443/", certificate-authority: ca.pem}
users:
- name: u
  user: {client-certificate-data: Y2VydA==, client-key-data: a2V5, token: sesame}
)";

const std::string k_api = "apiVersion: client.authentication.k8s.io/v1";

Result<kube::Cluster> read(const std::string& text) {
  return kube::read_kubeconfig({"/home/u/.kube/config", text},
                               [](const std::string& path) -> Result<std::string> { return "content of " + path; });
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a kubeconfig file says how to reach the cluster of its current context") {
  const auto cluster = read(k_config);
  REQUIRE(cluster);
  CHECK(cluster->server == "https://10.0.0.1:6443/");
  CHECK(cluster->space == "mine");
  CHECK(cluster->verify);
  CHECK(cluster->authorities_pem == "content of /home/u/.kube/ca.pem");
  CHECK(cluster->client_certificate_pem == "cert");
  CHECK(cluster->client_key_pem == "key");
  CHECK(cluster->authorization == "Bearer sesame");
  const auto file = read(replaced(k_config, "token: sesame", "tokenFile: /run/token"));
  CHECK(file->authorization == "Bearer content of /run/token");
  const auto basic = read(replaced(k_config, "token: sesame", "username: u, password: p"));
  CHECK(basic->authorization == "Basic dTpw");
}

TEST_CASE("a program that a kubeconfig file names gives a token or a certificate") {
  auto cluster = read(replaced(k_config, "token: sesame",
                               "exec: {" + k_api +
                                   ", command: bin/login, args: [a, b], env: [{name: N, value: v}], "
                                   "provideClusterInfo: true}"));
  REQUIRE(cluster);
  REQUIRE(cluster->program);
  CHECK(cluster->program->command == "/home/u/.kube/bin/login");
  CHECK(cluster->program->args == std::vector<std::string>{"a", "b"});
  CHECK(cluster->program->tells_cluster);
  const auto& api = cluster->program->api;
  const auto answer = [&](const std::string& status) {
    return kube::parse_credential(R"({"apiVersion":")" + api + R"(","kind":"ExecCredential","status":)" + status + "}",
                                  api);
  };
  const auto token = answer(R"({"token":"open","expirationTimestamp":"2030-01-01T00:00:00Z"})");
  REQUIRE(token);
  CHECK(kube::use_credential(*token, *cluster));
  CHECK(cluster->authorization == "Bearer open");
  CHECK(cluster->client_certificate_pem == "cert");
  const auto pair = answer(R"({"clientCertificateData":"c","clientKeyData":"k"})");
  REQUIRE(pair);
  CHECK(kube::use_credential(*pair, *cluster));
  CHECK(cluster->client_key_pem == "k");
  CHECK_FALSE(answer(R"({"clientCertificateData":"c"})"));
  CHECK_FALSE(answer("{}"));
  CHECK_FALSE(kube::parse_credential(R"({"kind":"ExecCredential","status":{"token":"x"}})", api));
  CHECK_FALSE(kube::parse_credential("token", api));
  CHECK_FALSE(kube::use_credential({"a\nHost: b", "", ""}, *cluster));
}

TEST_CASE("what a kubeconfig file asks for and ctr cannot do is an error") {
  const auto provider = read(replaced(k_config, "token: sesame", "auth-provider: {name: gcp}"));
  REQUIRE_FALSE(provider);
  CHECK(provider.error().code() == Errc::unsupported);
  CHECK(provider.error().message() == "/home/u/.kube/config:12: users[0].user.auth-provider: not supported");
  const auto asks =
      read(replaced(k_config, "token: sesame", "exec: {" + k_api + ", command: login, interactiveMode: Always}"));
  REQUIRE_FALSE(asks);
  CHECK(asks.error().code() == Errc::unsupported);
  CHECK_FALSE(read(replaced(k_config, "token: sesame", "exec: {apiVersion: other/v1, command: login}")));
  CHECK(read(replaced(k_config, "current-context: here", "current-context: nowhere")).error().message() ==
        "/home/u/.kube/config:4: contexts: there is no entry 'nowhere'");
  CHECK_FALSE(read(replaced(k_config, "token: sesame", "token: \"a\\nHost: b\"")));
  CHECK_FALSE(read(""));
}

TEST_CASE("each document is applied by one request to its place in the API") {
  kube::Cluster cluster;
  cluster.server = "https://h/";
  cluster.space = "mine";
  cluster.authorization = "Bearer x";
  const auto apply = kube::plan_apply({"f", R"(apiVersion: v1
kind: Pod
metadata: {name: p}
---
apiVersion: v1
kind: List
items:
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: own}}
)"},
                                      cluster, "");
  REQUIRE(apply);
  REQUIRE(apply->requests.size() == 2);
  CHECK(apply->names == std::vector<std::string>{"pod/p", "deployment/d"});
  CHECK(apply->requests[0].url == "https://h/api/v1/namespaces/mine/pods/p?fieldManager=ctr&force=true");
  CHECK(apply->requests[0].body == R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"mine"}})");
  CHECK(apply->requests[0].headers.back() == "Authorization: Bearer x");
  CHECK(apply->requests[1].url == "https://h/apis/apps/v1/namespaces/own/deployments/d?fieldManager=ctr&force=true");
  CHECK(apply->requests[1].method == WebRequest::Method::patch);
  const auto elsewhere =
      kube::plan_apply({"f", "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: own}}"}, cluster, "there");
  CHECK(elsewhere->requests.at(0).url.find("/namespaces/there/") != std::string::npos);
}

TEST_CASE("a name cannot lead to another place of the API") {
  for (const auto* name : {"../x", "a/b", "a?b", "..", "a b"}) {
    const auto text = "{apiVersion: v1, kind: Pod, metadata: {name: \"" + std::string(name) + "\"}}";
    CHECK_FALSE(kube::plan_apply({"f", text}, {}, ""));
    CHECK_FALSE(kube::plan_apply({"f", "{apiVersion: v1, kind: Pod, metadata: {name: p}}"}, {}, name));
  }
  CHECK_FALSE(kube::plan_apply({"f", "{apiVersion: v1, kind: Node, metadata: {name: p}}"}, {}, ""));
  CHECK_FALSE(kube::plan_apply({"f", ""}, {}, ""));
}

TEST_CASE("what the cluster says of a document that it refuses is told") {
  CHECK(kube::apply_error("pod/p", {403, R"({"kind":"Status","message":"no"})"}).text() == "pod/p: no");
  CHECK(kube::apply_error("pod/p", {500, "<html>"}).text() == "pod/p: the cluster has answered with status 500");
}

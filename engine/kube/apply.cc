#include "engine/kube/apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "base/text.h"
#include "engine/kube/fields.h"

namespace ctr::engine::kube {

namespace {

// Where the API has each kind.
struct Resource {
  std::string_view api, kind, path;
};
constexpr std::array<Resource, 8> k_resources = {{
    {"v1", "ConfigMap", "configmaps"},
    {"v1", "Secret", "secrets"},
    {"v1", "PersistentVolumeClaim", "persistentvolumeclaims"},
    {"v1", "Service", "services"},
    {"v1", "Pod", "pods"},
    {"apps/v1", "Deployment", "deployments"},
    {"apps/v1", "DaemonSet", "daemonsets"},
    {"batch/v1", "Job", "jobs"},
}};

// The entry of a list whose member `name` is this one.
Result<Fields> named(Fields& root, std::string_view list, const std::string& name, std::string_view member) {
  for (auto& entry : TRY(root.maps(list))) {
    if (TRY(entry.get_text("name")) != name) continue;
    auto found = TRY(entry.find_map(member));
    if (!found) return entry.wrong("", fmt::format("{} is missing", member));
    return std::move(*found);
  }
  return root.wrong(list, fmt::format("there is no entry '{}'", printable(name)));
}

struct Files {
  std::string dir;
  const ReadFile& read;
};

// A member KEY-data with base64, or KEY with a path.
Result<std::string> material(Fields& fields, const std::string& key, const Files& files) {
  if (const auto text = TRY(fields.find_text(key + "-data"))) {
    auto bytes = base64_decode(*text);
    if (!bytes) return fields.wrong(key + "-data", "is not base64");
    return std::move(*bytes);
  }
  const auto path = TRY(fields.text_or(key, ""));
  if (path.empty()) return std::string();
  return files.read(path.starts_with('/') ? path : files.dir + "/" + path).context(fields.path() + "." + key);
}

Result<void> check_header(const Fields& fields, std::string_view key, const std::string& text) {
  const bool bad = std::any_of(text.begin(), text.end(), [](char c) { return c < ' ' || c == 0x7f; });
  return bad ? Result<void>(fields.wrong(key, "has characters that no header may have")) : ok();
}

Result<void> read_user(Fields& user, const Files& files, Cluster& cluster) {
  cluster.client_certificate_pem = TRY(material(user, "client-certificate", files));
  cluster.client_key_pem = TRY(material(user, "client-key", files));
  auto token = TRY(user.text_or("token", ""));
  if (const auto path = TRY(user.text_or("tokenFile", "")); token.empty() && !path.empty()) {
    token = std::string(trim(TRY(files.read(path.starts_with('/') ? path : files.dir + "/" + path))));
  }
  TRY(check_header(user, "token", token));
  if (!token.empty()) cluster.authorization = "Bearer " + token;
  const auto name = TRY(user.text_or("username", ""));
  const auto password = TRY(user.text_or("password", ""));
  if (!name.empty()) cluster.authorization = "Basic " + base64_encode(name + ":" + password);
  if (auto exec = TRY(user.find_map("exec"))) cluster.program = TRY(read_credential_program(*exec, files.dir));
  if (!user.has("auth-provider")) return ok();
  return user.wrong("auth-provider", "not supported")
      .with_code(Errc::unsupported)
      .with_hint("use a user with exec, a token or a client certificate");
}

// A name that is one part of a path.
Result<std::string> path_part(const Fields& at, std::string_view key, const std::string& name) {
  const bool good =
      !name.empty() && name.size() <= 253 && name != "." && name != ".." &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == std::string::npos;
  if (good) return name;
  return at.wrong(key, fmt::format("'{}' is not a name that Kubernetes allows", printable(name)));
}

Result<void> add_document(const YamlNode& node, Source& source, const Cluster& cluster, const std::string& space,
                          Apply& apply) {
  auto fields = TRY(Fields::of(node, source, ""));
  const auto kind = TRY(fields.get_text("kind"));
  const auto api = TRY(fields.get_text("apiVersion"));
  if (kind == "List") {
    const auto* items = fields.raw("items");
    if (items == nullptr) return ok();
    for (const auto& item : items->items) TRY(add_document(item, source, cluster, space, apply));
    return ok();
  }
  const auto* const known = std::find_if(k_resources.begin(), k_resources.end(),
                                         [&](const auto& entry) { return entry.kind == kind && entry.api == api; });
  if (known == k_resources.end()) {
    return fields.wrong("kind", fmt::format("'{}' of {} cannot be applied", printable(kind), printable(api)));
  }
  auto metadata = TRY(fields.find_map("metadata"));
  if (!metadata) return fields.wrong("", "metadata is missing");
  const auto name = TRY(path_part(*metadata, "name", TRY(metadata->get_text("name"))));
  auto own_space = TRY(metadata->text_or("namespace", ""));
  if (!space.empty()) own_space = space;
  if (own_space.empty()) own_space = cluster.space.empty() ? "default" : cluster.space;
  const auto place = TRY(path_part(*metadata, "namespace", own_space));
  auto server = cluster.server;
  while (server.ends_with('/')) server.pop_back();
  WebRequest request;
  request.method = WebRequest::Method::patch;
  request.url = fmt::format("{}/{}{}/namespaces/{}/{}/{}?fieldManager=ctr&force=true", server,
                            known->api == "v1" ? "api/" : "apis/", known->api, place, known->path, name);
  request.headers = {"Content-Type: application/apply-patch+yaml", "Accept: application/json"};
  if (!cluster.authorization.empty()) request.headers.push_back("Authorization: " + cluster.authorization);
  // JSON is YAML. The namespace is that of the request.
  Json document = yaml_to_json(node);
  Json named = *document.find("metadata");
  document.set("metadata", std::move(named.set("namespace", place)));
  request.body = dump_json(document);
  request.verify = cluster.verify;
  request.authorities_pem = cluster.authorities_pem;
  request.client_certificate_pem = cluster.client_certificate_pem;
  request.client_key_pem = cluster.client_key_pem;
  apply.requests.push_back(std::move(request));
  apply.names.push_back(to_lower(kind) + "/" + name);
  return ok();
}

}  // namespace

Result<Cluster> read_kubeconfig(const InputFile& file, const ReadFile& read_file) {
  Source source{file.name, Unsupported::ignored, {}};
  const auto nodes = TRY(parse_yaml(file.text, file.name));
  if (nodes.size() != 1) return Error(Errc::invalid, fmt::format("{}: this is no kubeconfig", file.name));
  auto root = TRY(Fields::of(nodes[0], source, ""));
  const size_t slash = file.name.rfind('/');
  const Files files{slash == std::string::npos ? "." : file.name.substr(0, slash), read_file};
  auto context = TRY(named(root, "contexts", TRY(root.get_text("current-context")), "context"));
  auto fields = TRY(named(root, "clusters", TRY(context.get_text("cluster")), "cluster"));
  Cluster cluster;
  cluster.space = TRY(context.text_or("namespace", ""));
  cluster.server = TRY(fields.get_text("server"));
  cluster.verify = !TRY(fields.flag_or("insecure-skip-tls-verify", false));
  cluster.authorities_pem = TRY(material(fields, "certificate-authority", files));
  for (const auto* key : {"proxy-url", "tls-server-name"}) {
    if (fields.has(key)) return fields.wrong(key, "not supported");
  }
  const auto user_name = TRY(context.text_or("user", ""));
  if (user_name.empty()) return cluster;
  auto user = TRY(named(root, "users", user_name, "user"));
  TRY(read_user(user, files, cluster));
  return cluster;
}

Result<void> use_credential(const Credential& credential, Cluster& cluster) {
  const auto is_bad = [](char c) { return c < ' ' || c == 0x7f; };
  if (std::any_of(credential.token.begin(), credential.token.end(), is_bad)) {
    return Error(Errc::invalid, "the token of the program has characters that no header may have");
  }
  if (!credential.token.empty()) cluster.authorization = "Bearer " + credential.token;
  if (credential.key_pem.empty()) return ok();
  cluster.client_certificate_pem = credential.certificate_pem;
  cluster.client_key_pem = credential.key_pem;
  return ok();
}

Json cluster_info(const Cluster& cluster) {
  Json json = Json::object().set("server", cluster.server).set("config", nullptr);
  if (!cluster.verify) json.set("insecure-skip-tls-verify", true);
  if (!cluster.authorities_pem.empty()) {
    json.set("certificate-authority-data", base64_encode(cluster.authorities_pem));
  }
  return json;
}

Result<Apply> plan_apply(const InputFile& file, const Cluster& cluster, const std::string& space) {
  Source source{file.name, Unsupported::refused, {}};
  Apply apply;
  const auto nodes = TRY(parse_yaml(file.text, file.name));
  for (const auto& node : nodes) TRY(add_document(node, source, cluster, space, apply));
  if (apply.requests.empty()) return Error(Errc::invalid, fmt::format("{}: there is nothing to apply", file.name));
  return apply;
}

Error apply_error(const std::string& name, const WebAnswer& answer) {
  std::string message = fmt::format("the cluster has answered with status {}", answer.status);
  const auto document = parse_json(answer.body, "the answer");
  if (document && document->is_object()) {
    const auto* words = document->find("message");
    if (words != nullptr && words->is_string()) message = printable(words->as_string());
  }
  const auto code = answer.status == 401 || answer.status == 403 ? Errc::unauthorized : Errc::invalid;
  return Error(code, message).context(name);
}

}  // namespace ctr::engine::kube

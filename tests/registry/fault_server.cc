#include "tests/registry/fault_server.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "base/base64.h"
#include "base/paths.h"
#include "registry/tokens.h"

namespace ctr::test {
namespace {

template <typename T>
T expect(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return std::move(result).value();
}

std::string source_root() {
  const char* root = getenv("CTR_SOURCE_ROOT");
  return root ? root : ".";
}

}  // namespace

FaultServer::FaultServer() {
  auto to_child = expect(make_pipe());
  auto from_child = expect(make_pipe());
  const auto environment = read_environment(environ);
  SpawnOptions options;
  options.program = find_program("python3", environment);
  options.argv = {"python3", source_root() + "/tests/registry/fault_registry.py"};
  for (const auto& [key, value] : environment) options.env.push_back(key + "=" + value);
  options.fds = {{to_child.read_end.get(), 0}, {from_child.write_end.get(), 1}, {2, 2}};
  child_ = std::make_unique<Child>(expect(spawn(options)));
  input_ = std::move(to_child.write_end);
  output_ = std::move(from_child.read_end);
  ports_ = command(Json::object().set("cmd", "ports"));
}

FaultServer::~FaultServer() {
  input_.reset();
  (void)child_->wait({}, std::chrono::seconds(5));
}

Json FaultServer::command(const Json& request) {
  if (!write_all(input_.get(), dump_json(request) + "\n", "fault server"))
    throw std::runtime_error("fault server died");
  std::string line;
  char buffer[65536];
  while (line.empty() || line.back() != '\n') {
    const ssize_t count = read(output_.get(), buffer, sizeof buffer);
    if (count <= 0) throw std::runtime_error("fault server died");
    line.append(buffer, static_cast<size_t>(count));
  }
  return expect(parse_json(line, "fault server"));
}

std::string FaultServer::host(const std::string& server) const {
  return "127.0.0.1:" + std::to_string(ports_.find(server)->as_int());
}
std::string FaultServer::url(const std::string& server) const {
  return (server.starts_with("tls") ? "https://" : "http://") + host(server);
}
std::string FaultServer::authority() const { return ports_.find("ca")->as_string(); }
std::string FaultServer::authority_key() const { return ports_.find("key")->as_string(); }

oci::Descriptor FaultServer::add_blob(const std::string& text, int times) {
  const auto reply = command(Json::object().set("cmd", "blob").set("text", text).set("times", times));
  return {.media_type = "application/vnd.oci.image.layer.v1.tar",
          .digest = expect(Digest::parse(reply.find("digest")->as_string())),
          .size_bytes = reply.find("size")->as_uint(),
          .platform = {},
          .annotations = {}};
}

std::string FaultServer::add_manifest(const std::string& name, const std::string& ref, const std::string& type,
                                      const std::string& body) {
  Json request = Json::object();
  request.set("cmd", "manifest").set("name", name).set("ref", ref).set("type", type).set("body", body);
  return command(request).find("digest")->as_string();
}

std::string FaultServer::add_image(const std::string& name, const std::string& tag,
                                   const std::vector<oci::Descriptor>& layers) {
  auto config = add_blob("{}");
  config.media_type = "application/vnd.oci.image.config.v1+json";
  const oci::Manifest manifest{.media_type = "application/vnd.oci.image.manifest.v1+json",
                               .config = config,
                               .layers = layers,
                               .annotations = {}};
  return add_manifest(name, tag, manifest.media_type, dump_json(to_json(manifest)));
}

void FaultServer::add_rule(const std::string& match, const std::string& action, int times, const std::string& server) {
  Json request = Json::object();
  request.set("cmd", "rule").set("match", match).set("times", times).set("server", server);
  request.set("action", expect(parse_json(action, "action")));
  command(request);
}

void FaultServer::demand_basic(const std::string& server, const std::string& user, const std::string& password) {
  Json request = Json::object();
  request.set("cmd", "auth").set("server", server).set("mode", "basic").set("user", user).set("password", password);
  command(request);
}

void FaultServer::demand_bearer(const std::string& server, const std::string& realm, const std::string& more) {
  Json request = expect(parse_json(more, "auth"));
  request.set("cmd", "auth").set("server", server).set("mode", "bearer").set("realm", realm);
  command(request);
}

std::vector<LoggedRequest> FaultServer::log() {
  std::vector<LoggedRequest> requests;
  const auto reply = command(Json::object().set("cmd", "log"));
  for (const auto& entry : reply.find("requests")->as_array()) {
    LoggedRequest request{
        .server = entry.find("server")->as_string(), .line = entry.find("line")->as_string(), .headers = {}};
    for (const auto& [key, value] : entry.find("headers")->as_object()) request.headers[key] = value.as_string();
    requests.push_back(std::move(request));
  }
  return requests;
}

std::vector<LoggedRequest> FaultServer::log(std::string_view part) {
  auto requests = log();
  std::erase_if(requests, [&](const LoggedRequest& request) { return request.line.find(part) == std::string::npos; });
  return requests;
}

Result<void> MemorySink::verify() {
  if (digest_of(bytes) == wanted) return ok();
  return Error(Errc::corrupt, "its digest is another one");
}
Result<void> MemorySink::append(std::span<const std::byte> part) {
  if (bytes.size() + part.size() > fail_after) return Error(Errc::no_space, "the disk of the test is full");
  bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  return ok();
}
Result<void> MemorySink::restart() {
  bytes.clear();
  ++restarts;
  return ok();
}
Result<void> MemorySink::commit() {
  ++commits;
  return ok();
}

Result<size_t> MemorySource::read_at(uint64_t offset, std::span<std::byte> buffer) {
  if (offset >= bytes.size()) return size_t{0};
  const size_t count = std::min<size_t>(buffer.size(), bytes.size() - offset);
  std::memcpy(buffer.data(), bytes.data() + offset, count);
  return count;
}

TestClient::TestClient(registry::ClientOptions options, const std::string& auth_json, const CancelToken& cancel) {
  options.user_agent = "ctr/test";
  options.paths = home_.paths();
  options.roots = {.etc = home() + "/etc", .etc_docker = home() + "/etc-docker"};
  options.limits.first_back_off = std::chrono::milliseconds(5);
  registry::AuthOptions auth;
  auth.paths = options.paths;
  if (!auth_json.empty()) {
    auth.authfile = home() + "/auth.json";
    home_.write("auth.json", auth_json);
  }
  store_ = std::make_unique<registry::CredentialStore>(auth);
  client_ = std::make_unique<registry::Client>(expect(registry::Client::create(options, *store_, cancel)));
}

registry::Endpoint insecure(const std::string& host, const std::string& repository) {
  return {.host = host, .repository = repository, .insecure = true};
}
registry::Endpoint secure(const std::string& host, const std::string& repository) {
  return {.host = host, .repository = repository};
}
oci::ImageReference reference(const std::string& text) { return expect(oci::parse_reference(text)); }
std::string base64(const std::string& text) { return base64_encode(text); }

}  // namespace ctr::test

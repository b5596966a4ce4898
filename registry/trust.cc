#include "registry/trust.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/text.h"
#include "registry/scopes.h"
#include "registry/tokens.h"

namespace ctr::registry {
namespace {

constexpr size_t k_policy_limit_bytes = size_t{1} << 20;

Error wrong(const std::string& file, std::string message) {
  return Error(Errc::invalid, file + ": " + std::move(message));
}

using Kind = Requirement::Kind;

constexpr const char* k_key_members[] = {"keyPath", "keyPaths", "keyData", "keyDatas"};
// What sigstoreSigned may demand beside keys; ctr knows the names, not how to check them.
constexpr std::string_view k_not_checked[] = {
    "fulcio", "pki", "rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas"};

Result<void> read_keys(Requirement& requirement, const JsonReader& reader, const std::string& file) {
  int sources = 0;
  for (const auto* member : k_key_members) sources += reader.has(member) ? 1 : 0;
  if (sources == 0 && !requirement.unsupported.empty()) return ok();
  if (sources != 1) {
    return wrong(file, "a requirement that demands signatures needs one of keyPath, keyPaths, keyData and keyDatas");
  }
  requirement.key_paths = TRY(reader.strings("keyPaths"));
  if (const auto path = TRY(reader.find_string("keyPath"))) requirement.key_paths.push_back(*path);
  auto data = TRY(reader.strings("keyDatas"));
  if (const auto one = TRY(reader.find_string("keyData"))) data.push_back(*one);
  for (const auto& text : data) {
    auto key = base64_decode(text);
    if (!key) return wrong(file, "a key of the policy is not base64");
    requirement.key_data.push_back(std::move(*key));
  }
  if (requirement.key_paths.empty() && requirement.key_data.empty()) return wrong(file, "a list of keys is empty");
  return ok();
}

bool is_known_member(const std::string& key, Kind kind) {
  if (key == "type" || key == "signedIdentity") return true;
  if (std::find(std::begin(k_key_members), std::end(k_key_members), key) != std::end(k_key_members)) return true;
  if (kind == Kind::signed_by) return key == "keyType";
  return std::find(std::begin(k_not_checked), std::end(k_not_checked), key) != std::end(k_not_checked);
}

Result<Requirement> read_signed(Kind kind, const JsonReader& reader, const std::string& file) {
  Requirement requirement;
  requirement.kind = kind;
  for (const auto& [key, value] : reader.value().as_object()) {
    if (!is_known_member(key, kind)) return wrong(file, "unknown member '" + printable(key) + "' of a requirement");
    (void)value;
  }
  for (const auto member : k_not_checked) {
    if (reader.has(member)) requirement.unsupported = member;
  }
  if (kind == Kind::signed_by) {
    const auto type = TRY(reader.get_string("keyType"));
    if (type == "signedByGPGKeys" || type == "X509Certificates" || type == "signedByX509CAs") {
      requirement.unsupported = "keyType " + type;
    } else if (type != "GPGKeys") {
      return wrong(file, "unknown keyType '" + printable(type) + "'");
    }
  }
  TRY(read_keys(requirement, reader, file));
  if (const auto identity = TRY(reader.find_object("signedIdentity"))) {
    requirement.identity = TRY(signed_identity_from_json(*identity));
  }
  return requirement;
}

Result<Requirement> read_requirement(const JsonReader& reader, const std::string& file) {
  TRY(reader.expect_object());
  const std::string type = TRY(reader.get_string("type"));
  if (type == "signedBy") return read_signed(Kind::signed_by, reader, file);
  if (type == "sigstoreSigned") return read_signed(Kind::sigstore_signed, reader, file);
  if (type != "insecureAcceptAnything" && type != "reject") {
    return wrong(file, "unknown requirement type '" + printable(type) + "'");
  }
  if (reader.value().as_object().size() != 1) return wrong(file, "requirement '" + type + "' has unknown members");
  Requirement requirement;
  requirement.kind = type == "reject" ? Kind::reject : Kind::accept_anything;
  return requirement;
}

Result<Requirements> read_requirements(const Json& list, const std::string& path, const std::string& file) {
  if (!list.is_array() || list.as_array().empty()) return wrong(file, path + " is not a list of requirements");
  Requirements requirements;
  for (const auto& element : list.as_array()) {
    requirements.push_back(TRY(read_requirement(JsonReader(element, file + ": " + path), file)));
  }
  return requirements;
}

Result<void> read_transports(TrustPolicy& policy, const Json& transports, const std::string& file) {
  if (!transports.is_object()) return wrong(file, "transports is not an object");
  for (const auto& [transport, scopes] : transports.as_object()) {
    if (!scopes.is_object()) return wrong(file, "transports." + printable(transport) + " is not an object");
    for (const auto& [scope, list] : scopes.as_object()) {
      auto requirements = TRY(read_requirements(list, "transports." + printable(transport + "." + scope), file));
      auto& known = transport == "docker" ? policy.docker_scopes : policy.file_scopes[transport];
      known[scope] = std::move(requirements);
    }
  }
  return ok();
}

// The first of `scopes`, the most exact first, that the policy knows decides.
Result<TrustDemand> find_demand(const TrustPolicy& policy, const TrustPolicy::Scopes& known,
                                const std::vector<std::string>& scopes, std::string image) {
  const Requirements* requirements = &policy.fallback;
  for (const auto& scope : scopes) {
    const auto found = known.find(scope);
    if (found == known.end()) continue;
    requirements = &found->second;
    break;
  }
  TrustDemand demand{.image = std::move(image), .source = policy.source, .signatures = {}};
  for (const auto& requirement : *requirements) {
    if (requirement.kind == Kind::reject) {
      return Error(Errc::permission, "Source image rejected: Running image " + demand.image + " is rejected by policy")
          .with_hint("the policy is " + policy.source);
    }
    if (requirement.kind != Kind::accept_anything) demand.signatures.push_back(requirement);
  }
  return demand;
}

}  // namespace

Result<TrustPolicy> parse_trust_policy(std::string_view text, const std::string& file) {
  const Json document = TRY(parse_json(text, file));
  if (!document.is_object()) return wrong(file, "it is not an object");
  TrustPolicy policy;
  policy.source = file;
  bool has_default = false;
  for (const auto& [key, value] : document.as_object()) {
    if (key == "default") {
      policy.fallback = TRY(read_requirements(value, "default", file));
      has_default = true;
    } else if (key == "transports") {
      TRY(read_transports(policy, value, file));
    } else {
      return wrong(file, "unknown member '" + printable(key) + "'");
    }
  }
  if (!has_default) return wrong(file, "'default' is missing");
  return policy;
}

Result<TrustPolicy> load_trust_policy(const UserPaths& paths, const ConfigRoots& roots) {
  for (const auto& file : {paths.config_home + "/containers/policy.json", roots.etc + "/policy.json"}) {
    const auto text = TRY(read_file_if_exists(file, k_policy_limit_bytes));
    if (text) return parse_trust_policy(*text, file);
  }
  return TrustPolicy{};
}

Result<TrustDemand> demand_of(const TrustPolicy& policy, const oci::ImageReference& reference) {
  return find_demand(policy, policy.docker_scopes, scopes_of(reference), "docker://" + reference.to_string());
}

Result<TrustDemand> demand_of(const TrustPolicy& policy, std::string_view transport, const std::string& path) {
  std::vector<std::string> scopes;
  // Source: containers-policy.json(5): an archive of docker has no scopes of its own.
  if (!path.empty() && transport != "docker-archive") {
    auto scope = TRY(absolute_path(path));
    // A link must not bring an image of one directory under the demands of another.
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
    if (real) scope = real.get();
    while (scope.size() > 1) {
      scopes.push_back(scope);
      scope.resize(scope.rfind('/'));
    }
    scopes.emplace_back("/");
  }
  scopes.emplace_back();
  const auto known = policy.file_scopes.find(std::string(transport));
  const auto image = std::string(transport) + ":" + printable(path);
  return find_demand(policy, known == policy.file_scopes.end() ? TrustPolicy::Scopes{} : known->second, scopes, image);
}

}  // namespace ctr::registry

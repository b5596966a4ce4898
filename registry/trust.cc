#include "registry/trust.h"

#include <optional>
#include <utility>

#include "base/file.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/text.h"

namespace ctr::registry {
namespace {

constexpr size_t k_policy_limit_bytes = size_t{1} << 20;

Error wrong(const std::string& file, std::string message) {
  return Error(Errc::invalid, file + ": " + std::move(message));
}

Result<Requirement> read_requirement(const JsonReader& reader, const std::string& file) {
  TRY(reader.expect_object());
  const std::string type = TRY(reader.get_string("type"));
  // The signed kinds carry keys and identities that are of no use until signatures can be checked.
  if (type == "signedBy") return Requirement::signed_by;
  if (type == "sigstoreSigned") return Requirement::sigstore_signed;
  if (type != "insecureAcceptAnything" && type != "reject") {
    return wrong(file, "unknown requirement type '" + printable(type) + "'");
  }
  if (reader.value().as_object().size() != 1) return wrong(file, "requirement '" + type + "' has unknown members");
  return type == "reject" ? Requirement::reject : Requirement::accept_anything;
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

// The scopes that may apply to a reference, the most exact first.
std::vector<std::string> scopes_of(const oci::ImageReference& reference) {
  std::vector<std::string> scopes;
  std::string name = reference.name();
  scopes.push_back(reference.digest ? name + "@" + reference.digest->to_string()
                                    : name + ":" + reference.tag.value_or("latest"));
  scopes.push_back(name);
  for (auto slash = name.rfind('/'); slash != std::string::npos; slash = name.rfind('/')) {
    name.resize(slash);
    scopes.push_back(name);
  }
  std::string_view host = reference.domain;
  for (auto dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.')) {
    host = host.substr(dot + 1);
    scopes.push_back("*." + std::string(host));
  }
  scopes.emplace_back();
  return scopes;
}

// The first of `scopes`, the most exact first, that the policy knows decides.
Result<void> check(const TrustPolicy& policy, const TrustPolicy::Scopes& known, const std::vector<std::string>& scopes,
                   const std::string& image) {
  const Requirements* requirements = &policy.fallback;
  for (const auto& scope : scopes) {
    const auto found = known.find(scope);
    if (found == known.end()) continue;
    requirements = &found->second;
    break;
  }
  for (const auto requirement : *requirements) {
    if (requirement == Requirement::reject) {
      return Error(Errc::permission, "Source image rejected: Running image " + image + " is rejected by policy")
          .with_hint("the policy is " + policy.source);
    }
    if (requirement == Requirement::accept_anything) continue;
    const char* kind = requirement == Requirement::signed_by ? "signedBy" : "sigstoreSigned";
    return Error(Errc::unsupported, "Source image rejected: " + policy.source + " demands a signature (" + kind +
                                        ") of " + image + ", which is not supported yet");
  }
  return ok();
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

Result<void> check_trust(const TrustPolicy& policy, const oci::ImageReference& reference) {
  return check(policy, policy.docker_scopes, scopes_of(reference), "docker://" + reference.to_string());
}

Result<void> check_trust(const TrustPolicy& policy, std::string_view transport, const std::string& path) {
  std::vector<std::string> scopes;
  // Source: containers-policy.json(5): an archive of docker has no scopes of its own.
  if (!path.empty() && transport != "docker-archive") {
    auto scope = TRY(absolute_path(path));
    while (scope.size() > 1) {
      scopes.push_back(scope);
      scope.resize(scope.rfind('/'));
    }
    scopes.emplace_back("/");
  }
  scopes.emplace_back();
  const auto known = policy.file_scopes.find(std::string(transport));
  const auto image = std::string(transport) + ":" + printable(path);
  return check(policy, known == policy.file_scopes.end() ? TrustPolicy::Scopes{} : known->second, scopes, image);
}

}  // namespace ctr::registry

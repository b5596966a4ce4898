#include "registry/trust_edit.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "registry/trust.h"

namespace ctr::registry {
namespace {

std::string type_word(const std::string& type) {
  if (type == "insecureAcceptAnything") return "accept";
  if (type == "signedBy") return "signed";
  return type;
}

Result<std::string> keys_of(const JsonReader& requirement) {
  auto keys = TRY(requirement.strings("keyPaths"));
  if (const auto path = TRY(requirement.find_string("keyPath"))) keys.insert(keys.begin(), *path);
  if (requirement.has("keyData") || requirement.has("keyDatas")) keys.emplace_back("in the policy");
  return join(keys, ", ");
}

Result<void> add_rows(std::vector<TrustRow>& rows, const Json& requirements, const TrustRow& of) {
  for (const auto& element : requirements.as_array()) {
    const JsonReader requirement(element, "policy");
    auto row = of;
    row.type = type_word(TRY(requirement.get_string("type")));
    row.keys = TRY(keys_of(requirement));
    rows.push_back(std::move(row));
  }
  return ok();
}

// Members sorted by name.
std::vector<std::pair<std::string, const Json*>> sorted(const Json& object) {
  std::vector<std::pair<std::string, const Json*>> members;
  for (const auto& [name, value] : object.as_object()) members.emplace_back(name, &value);
  std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return members;
}

bool concerns(const std::string& name, std::string_view scope) {
  if (scope.empty() || name == scope) return true;
  return name.starts_with(scope) && (name[scope.size()] == '/' || name[scope.size()] == ':');
}

Result<Json> requirements_of(const TrustChange& change) {
  Json list = Json::array();
  if (change.type == "accept" || change.type == "reject") {
    if (!change.keys.empty()) {
      return Error(Errc::invalid, fmt::format("{} public keys unexpectedly provided for trust type {}",
                                              change.keys.size(), change.type));
    }
    list.push(Json::object().set("type", change.type == "accept" ? "insecureAcceptAnything" : "reject"));
    return list;
  }
  if (change.type != "signedBy" && change.type != "sigstoreSigned") {
    return Error(Errc::invalid, fmt::format("unknown trust type \"{}\"", printable(change.type)))
        .with_hint("choose accept, reject, signedBy or sigstoreSigned");
  }
  if (change.keys.empty()) {
    return Error(Errc::invalid, fmt::format("at least one public key must be defined for type '{}'", change.type));
  }
  for (const auto& key : change.keys) {
    auto requirement = Json::object().set("type", change.type);
    if (change.type == "signedBy") requirement.set("keyType", "GPGKeys");
    list.push(requirement.set("keyPath", key));
  }
  return list;
}

// The transport that has the scope already; registries', when none has.
std::string transport_of(const Json& transports, const std::string& scope) {
  for (const auto& [name, scopes] : transports.as_object()) {
    if (scopes.find(scope) != nullptr) return name;
  }
  return "docker";
}

Json member_or_empty(const Json& object, const std::string& key) {
  const auto* member = object.find(key);
  return member != nullptr && member->is_object() ? *member : Json::object();
}

}  // namespace

Result<std::vector<TrustRow>> trust_rows(std::string_view policy, const std::string& file, std::string_view scope) {
  TRY(parse_trust_policy(policy, file));
  const auto json = TRY(parse_json(policy, file));
  std::vector<TrustRow> rows;
  TRY(add_rows(rows, *json.find("default"), TrustRow{"all", "* (default)", "default", {}, {}}));
  const auto* transports = json.find("transports");
  if (transports == nullptr) return rows;
  for (const auto& [transport, scopes] : sorted(*transports)) {
    for (const auto& [name, requirements] : sorted(*scopes)) {
      if (!concerns(name, scope)) continue;
      TRY(add_rows(rows, *requirements, {transport == "docker" ? "repository" : transport, name, name, {}, {}}));
    }
  }
  return rows;
}

Result<std::string> change_trust(std::string_view policy, const std::string& file, const TrustChange& change) {
  const auto requirements = TRY(requirements_of(change));
  if (!policy.empty()) TRY(parse_trust_policy(policy, file));
  Json json = policy.empty() ? Json::object() : TRY(parse_json(policy, file));
  if (change.scope == "default") {
    json.set("default", requirements);
  } else if (json.find("default") == nullptr) {
    return Error(Errc::invalid, "default trust policy must be set");
  } else {
    auto transports = member_or_empty(json, "transports");
    const auto transport = transport_of(transports, change.scope);
    auto scopes = member_or_empty(transports, transport);
    scopes.set(change.scope, requirements);
    transports.set(transport, std::move(scopes));
    json.set("transports", std::move(transports));
  }
  return dump_json(json, {.indent = 4}) + "\n";
}

}  // namespace ctr::registry

// policy.json as people see and change it: `image trust`. Pure. Source: containers-policy.json(5),
// podman-image-trust(1).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ctr::registry {

// One row of `image trust show`: a requirement of a scope.
struct TrustRow {
  std::string transport;  // "all" for the default, "repository" for registries, else the transport's name
  std::string name;       // "* (default)", or the scope
  std::string repo_name;  // "default", or the scope
  std::string type;       // "accept", "reject", "signed" or "sigstoreSigned"
  std::string keys;       // paths of the keys, separated by commas
  bool operator==(const TrustRow&) const = default;
};
// With a `scope` those that decide over it: the default, it, and what is below it. Errors: as parse_trust_policy().
Result<std::vector<TrustRow>> trust_rows(std::string_view policy, const std::string& file, std::string_view scope);

struct TrustChange {
  std::string scope;              // "default", a registry, or a repository
  std::string type;               // "accept", "reject", "signedBy" or "sigstoreSigned"
  std::vector<std::string> keys;  // files
};
// The policy with the requirements of one scope replaced; an empty `policy`: there is none yet. Everything else stays.
// Errors: invalid.
Result<std::string> change_trust(std::string_view policy, const std::string& file, const TrustChange& change);

}  // namespace ctr::registry

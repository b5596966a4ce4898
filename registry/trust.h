// policy.json: whether an image may be used at all. Source: containers-policy.json(5).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/oci/reference.h"
#include "base/paths.h"
#include "base/result.h"
#include "registry/policy.h"

namespace ctr::registry {

enum class Requirement { accept_anything, reject, signed_by, sigstore_signed };

// Requirements of one scope; all of them must hold.
using Requirements = std::vector<Requirement>;

struct TrustPolicy {
  Requirements fallback{Requirement::accept_anything};
  using Scopes = std::map<std::string, Requirements>;  // "" is the default of the transport
  Scopes docker_scopes;                                // of registries
  std::map<std::string, Scopes> file_scopes;           // of the other transports
  std::string source;                                  // the file; empty when there is none
  bool operator==(const TrustPolicy&) const = default;
};

// The user's policy.json, else the one of /etc; without either everything is accepted.
// Errors: invalid: unknown members and requirements are refused, since a misread policy is worse than none.
Result<TrustPolicy> load_trust_policy(const UserPaths& paths, const ConfigRoots& roots = {});
Result<TrustPolicy> parse_trust_policy(std::string_view text, const std::string& file);

// Errors: permission (rejected), unsupported (signatures are demanded, which ctr cannot check yet).
Result<void> check_trust(const TrustPolicy& policy, const oci::ImageReference& reference);
// The same for an image in a file or a directory; `transport` is "dir", "oci", "oci-archive" or "docker-archive". The
// scopes of a path are itself and the directories above it; an empty one is standard input.
Result<void> check_trust(const TrustPolicy& policy, std::string_view transport, const std::string& path);

}  // namespace ctr::registry

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
#include "registry/signed_identity.h"

namespace ctr::registry {

// One requirement of a scope.
struct Requirement {
  enum class Kind { accept_anything, reject, signed_by, sigstore_signed };
  Kind kind = Kind::accept_anything;
  // Of the signed kinds.
  std::vector<std::string> key_paths;
  std::vector<std::string> key_data;  // decoded
  SignedIdentity identity;
  std::string unsupported;  // what of it ctr cannot check ("fulcio"); empty: nothing
  bool operator==(const Requirement&) const = default;
};

// Requirements of one scope; all of them must hold.
using Requirements = std::vector<Requirement>;

struct TrustPolicy {
  Requirements fallback{Requirement{}};
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

// The signatures that an image must have.
struct TrustDemand {
  std::string image;        // with the transport in front, for messages
  std::string source;       // the policy file
  Requirements signatures;  // of the signed kinds only; empty: the image is good as it is
};

// Asked before anything else is. Errors: permission (rejected).
Result<TrustDemand> demand_of(const TrustPolicy& policy, const oci::ImageReference& reference);
// The same for an image in a file or a directory; `transport` is "dir", "oci", "oci-archive" or "docker-archive". The
// scopes of a path are itself and the directories above it, links resolved; an empty one is standard input.
Result<TrustDemand> demand_of(const TrustPolicy& policy, std::string_view transport, const std::string& path);

}  // namespace ctr::registry

// Whether what a signature says it is for is the image that is asked for. Pure.
// Source: containers-policy.json(5) "signedBy": signedIdentity.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/oci/reference.h"
#include "base/result.h"

namespace ctr::registry {

struct SignedIdentity {
  enum class Kind {
    match_repo_digest_or_exact,
    match_exact,
    match_repository,
    exact_reference,
    exact_repository,
    remap_identity
  };
  Kind kind = Kind::match_repo_digest_or_exact;
  std::string name;           // exact_*: the reference or repository; remap_identity: the prefix
  std::string signed_prefix;  // remap_identity: what stands in signatures instead of it
  bool operator==(const SignedIdentity&) const = default;
};

// Errors: invalid: unknown kinds and members are refused.
Result<SignedIdentity> signed_identity_from_json(const JsonReader& reader);

// `image` is what is pulled; an image in files has no name. `claimed` is the signature's docker-reference.
// Errors: permission when they do not belong together.
Result<void> check_identity(const SignedIdentity& identity, const std::optional<oci::ImageReference>& image,
                            std::string_view claimed);

}  // namespace ctr::registry

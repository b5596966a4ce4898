// registries.d: where the signatures of images are. Source: containers-registries.d(5).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/oci/reference.h"
#include "base/paths.h"
#include "base/result.h"
#include "registry/policy.h"

namespace ctr::registry {

// What one namespace says; empty: nothing.
struct SignaturePlace {
  std::string lookaside;          // a URL that is read from
  std::string lookaside_staging;  // written to; empty: the one that is read from
  std::optional<bool> attachments;
  bool operator==(const SignaturePlace&) const = default;
};

struct SignatureStores {
  SignaturePlace fallback;                       // "default-docker"
  std::map<std::string, SignaturePlace> scopes;  // as in policy.json
  std::string built_in;                          // where nothing else is said
  bool operator==(const SignatureStores&) const = default;
};

// The user's registries.d, else the one of /etc. Errors: invalid, naming the file: also when two of them say the same.
Result<SignatureStores> load_signature_stores(const UserPaths& paths, unsigned uid, const ConfigRoots& roots = {});
Result<void> merge_signature_stores(SignatureStores& stores, std::string_view yaml, const std::string& file);

// Where signatures of an image are read from and written to, the most exact namespace first.
struct SignaturePlaces {
  std::string read;  // a URL, the repository's path and the digest go behind it
  std::string write;
  bool attachments = false;  // sigstore's, in the registry itself
};
SignaturePlaces places_of(const SignatureStores& stores, const oci::ImageReference& reference);

// The lookaside that a scope of policy.json is told to have; empty: none is named.
std::string lookaside_of_scope(const SignatureStores& stores, std::string scope);

}  // namespace ctr::registry

// Image references: [domain/]path[:tag][@digest], parsed as the distribution reference grammar says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"

namespace ctr::oci {

// A reference as typed, checked against the grammar.
//
// `domain` is empty for a short name ("alpine", "library/alpine"): which registry it means is decided by
// registry/policy. The first component is a domain if it holds '.' or ':', or is "localhost".
struct ImageReference {
  std::string domain;              // "docker.io", "localhost:5000"
  std::string path;                // "library/debian"
  std::optional<std::string> tag;  // "12"
  std::optional<Digest> digest;

  bool is_short() const { return domain.empty(); }
  // domain/path
  std::string name() const;
  // domain/path[:tag][@digest]
  std::string to_string() const;
  // With tag "latest" when there is neither tag nor digest.
  ImageReference with_default_tag() const;
  bool operator==(const ImageReference&) const = default;
};

// Accepts an optional "docker://" in front. Docker Hub names are normalised: "docker.io/alpine" →
// docker.io/library/alpine. Errors: invalid, naming the reference and the part that is wrong. Source:
// distribution/reference grammar; OCI distribution-spec 1.1 "Pulling manifests" (<name> and <reference>).
Result<ImageReference> parse_reference(std::string_view text);

// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/…)*
bool is_valid_repository_path(std::string_view path);
bool is_valid_tag(std::string_view tag);

}  // namespace ctr::oci

#include "registry/signed_identity.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"

namespace ctr::registry {
namespace {

using Kind = SignedIdentity::Kind;

struct Form {
  std::string_view type;
  Kind kind;
  std::string_view name;           // the member that goes into SignedIdentity::name; empty: none
  std::string_view signed_prefix;  // the same of signed_prefix
};
constexpr std::array k_forms = {
    Form{"matchRepoDigestOrExact", Kind::match_repo_digest_or_exact, "", ""},
    Form{"matchExact", Kind::match_exact, "", ""},
    Form{"matchRepository", Kind::match_repository, "", ""},
    Form{"exactReference", Kind::exact_reference, "dockerReference", ""},
    Form{"exactRepository", Kind::exact_repository, "dockerRepository", ""},
    Form{"remapIdentity", Kind::remap_identity, "prefix", "signedPrefix"},
};

// A name without a registry is docker.io's, as in signatures of docker's time.
Result<oci::ImageReference> parse_full(std::string_view text) {
  auto reference = TRY(oci::parse_reference(text));
  if (reference.is_short()) return oci::parse_reference("docker.io/" + std::string(text));
  return reference;
}

bool is_name_only(const oci::ImageReference& reference) { return !reference.tag && !reference.digest; }

bool same_repository(const oci::ImageReference& a, const oci::ImageReference& b) { return a.name() == b.name(); }

// What a tag names is for that tag alone; what a digest names may be any of the repository, since the digest is
// compared as well. Beside a digest a tag says nothing, and podman leaves it out.
bool matches_repo_digest_or_exact(const oci::ImageReference& image, const oci::ImageReference& claimed) {
  if (image.digest) return same_repository(image, claimed);
  return image.tag && image == claimed;
}

// The image under the name that signatures know it by.
Result<oci::ImageReference> remapped(const SignedIdentity& identity, const oci::ImageReference& image) {
  const auto name = image.name();
  const bool is_below =
      name.starts_with(identity.name) && (name.size() == identity.name.size() || name[identity.name.size()] == '/');
  if (!is_below) return image;
  return oci::parse_reference(identity.signed_prefix + image.to_string().substr(identity.name.size()))
      .context("the remapped identity");
}

Result<bool> matches(const SignedIdentity& identity, const std::optional<oci::ImageReference>& image,
                     const oci::ImageReference& claimed) {
  if (identity.kind == Kind::exact_repository) return same_repository(TRY(parse_full(identity.name)), claimed);
  if (identity.kind == Kind::exact_reference) {
    const auto wanted = TRY(parse_full(identity.name));
    return !is_name_only(wanted) && wanted == claimed;
  }
  if (!image) return false;
  switch (identity.kind) {
    case Kind::match_exact:
      return !is_name_only(*image) && *image == claimed;
    case Kind::match_repository:
      return same_repository(*image, claimed);
    case Kind::remap_identity:
      return matches_repo_digest_or_exact(TRY(remapped(identity, *image)), claimed);
    default:
      return matches_repo_digest_or_exact(*image, claimed);
  }
}

}  // namespace

Result<SignedIdentity> signed_identity_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  const auto type = TRY(reader.get_string("type"));
  const auto* form =
      std::find_if(k_forms.begin(), k_forms.end(), [&](const Form& known) { return known.type == type; });
  if (form == k_forms.end()) return reader.wrong("type", "a known kind of identity");
  SignedIdentity identity{.kind = form->kind, .name = {}, .signed_prefix = {}};
  for (const auto& [key, value] : reader.value().as_object()) {
    if (key == "type") continue;
    if (key != form->name && key != form->signed_prefix) {
      return Error(Errc::invalid, reader.path() + ": unknown member '" + printable(key) + "'");
    }
    (void)value;
  }
  if (!form->name.empty()) identity.name = TRY(reader.get_string(form->name));
  if (!form->signed_prefix.empty()) identity.signed_prefix = TRY(reader.get_string(form->signed_prefix));
  if (identity.kind == Kind::exact_reference || identity.kind == Kind::exact_repository) {
    const auto reference = TRY(parse_full(identity.name).context(reader.path()));
    if (is_name_only(reference) == (identity.kind == Kind::exact_reference)) {
      return reader.wrong(form->name, identity.kind == Kind::exact_reference ? "a reference with tag or digest"
                                                                             : "a repository without tag and digest");
    }
  }
  return identity;
}

Result<void> check_identity(const SignedIdentity& identity, const std::optional<oci::ImageReference>& image,
                            std::string_view claimed) {
  const auto reference = TRY(parse_full(claimed).context("the signature's identity"));
  if (TRY(matches(identity, image, reference))) return ok();
  return Error(Errc::permission, "Signature for identity " + printable(claimed) + " is not accepted");
}

}  // namespace ctr::registry

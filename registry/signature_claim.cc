#include "registry/signature_claim.h"

#include <algorithm>
#include <initializer_list>

#include "base/json.h"
#include "base/text.h"

namespace ctr::registry {
namespace {

constexpr int k_depth_limit = 16;

const char* type_of(SignatureKind kind) {
  return kind == SignatureKind::simple ? "atomic container signature" : "cosign container image signature";
}

Error wrong(std::string message) { return {Errc::corrupt, "Invalid signature: " + std::move(message)}; }

// The object under `key`, which has the members `wanted` and no others.
Result<const Json*> exact_object(const Json* value, const std::string& name,
                                 std::initializer_list<std::string_view> wanted) {
  if (value == nullptr || !value->is_object()) return wrong("'" + name + "' is not an object");
  for (const auto& [key, member] : value->as_object()) {
    if (std::find(wanted.begin(), wanted.end(), key) == wanted.end()) {
      return wrong("unknown member '" + printable(key) + "' in '" + name + "'");
    }
    (void)member;
  }
  for (const auto key : wanted) {
    if (value->find(key) == nullptr) return wrong("'" + std::string(key) + "' is missing in '" + name + "'");
  }
  return value;
}

Result<std::string> text_of(const Json& object, const char* key) {
  const auto* value = object.find(key);
  if (value == nullptr || !value->is_string()) return wrong(std::string("'") + key + "' is not a string");
  return value->as_string();
}

// Nobody relies on these members; what they hold must still be what signers write.
Result<void> check_optional(const Json& optional) {
  if (optional.is_null()) return ok();
  if (!optional.is_object()) return wrong("'optional' is not an object");
  const auto* creator = optional.find("creator");
  if (creator != nullptr && !creator->is_string()) return wrong("'creator' is not a string");
  const auto* timestamp = optional.find("timestamp");
  if (timestamp != nullptr && !timestamp->is_integer()) return wrong("'timestamp' is not an integer");
  return ok();
}

}  // namespace

Result<SignatureClaim> parse_claim(std::string_view document, SignatureKind kind) {
  const JsonLimits limits{.size_bytes = k_claim_limit_bytes, .depth = k_depth_limit, .values = 4096};
  auto json = parse_json(document, "the signed document", limits);
  if (!json) return wrong(json.error().text());
  const auto* all = TRY(exact_object(&*json, "the signed document", {"critical", "optional"}));
  const auto* critical = TRY(exact_object(all->find("critical"), "critical", {"type", "image", "identity"}));
  const auto* image = TRY(exact_object(critical->find("image"), "image", {"docker-manifest-digest"}));
  const auto* identity = TRY(exact_object(critical->find("identity"), "identity", {"docker-reference"}));
  TRY(check_optional(*all->find("optional")));
  const auto type = TRY(text_of(*critical, "type"));
  if (type != type_of(kind)) return wrong("its type is '" + printable(type) + "', not '" + type_of(kind) + "'");
  const auto digest = Digest::parse(TRY(text_of(*image, "docker-manifest-digest")));
  if (!digest) return wrong(digest.error().text());
  return SignatureClaim{.manifest = *digest, .reference = TRY(text_of(*identity, "docker-reference"))};
}

std::string claim_document(const SignatureClaim& claim, SignatureKind kind, std::string_view creator, TimePoint made) {
  return dump_json(
      Json::object()
          .set("critical", Json::object()
                               .set("identity", Json::object().set("docker-reference", claim.reference))
                               .set("image", Json::object().set("docker-manifest-digest", claim.manifest.to_string()))
                               .set("type", type_of(kind)))
          .set("optional", Json::object().set("creator", creator).set("timestamp", to_unix_seconds(made))));
}

}  // namespace ctr::registry

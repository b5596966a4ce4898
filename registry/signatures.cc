#include "registry/signatures.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/base64.h"
#include "base/file.h"
#include "base/text.h"
#include "registry/lookaside.h"
#include "registry/sigstore_key.h"
#include "registry/tokens.h"

namespace ctr::registry {
namespace {

constexpr size_t k_key_limit_bytes = size_t{1} << 20;
constexpr const char* k_claim_type = "application/vnd.dev.cosign.simplesigning.v1+json";
constexpr const char* k_manifest_type = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* k_config_type = "application/vnd.oci.image.config.v1+json";
constexpr const char* k_signature_annotation = "dev.cosignproject.cosign/signature";

Result<std::optional<std::string>> read_signature(Client& client, const std::string& url) {
  const auto path = TRY(path_of_file_url(url));
  if (path) return read_file_if_exists(*path, k_signature_limit_bytes);
  return client.fetch_file(url, k_signature_limit_bytes);
}

Error too_many() { return {Errc::corrupt, fmt::format("there are more than {} signatures", k_signature_count_limit)}; }

// The tag that cosign puts the signatures of a manifest under.
std::string attachment_of(const Digest& manifest) {
  return fmt::format("{}-{}.sig", manifest.algorithm_name(), manifest.hex());
}

// The manifest of the attached signatures, whose layers are no layers of an image; nullopt when there are none.
Result<std::optional<oci::Manifest>> find_attachment(Client& client, const Endpoint& endpoint, const Digest& manifest) {
  const auto text = TRY(client.fetch_document(endpoint, attachment_of(manifest)));
  if (!text) return std::optional<oci::Manifest>();
  const auto json = TRY(parse_json(*text, "the manifest of the signatures"));
  const JsonReader reader(json, "the manifest of the signatures");
  const auto config = TRY(reader.find_object("config"));
  if (!config) return Error(Errc::corrupt, "the manifest of the signatures has no configuration");
  oci::Manifest attached{.media_type = k_manifest_type,
                         .config = TRY(oci::descriptor_from_json(*config)),
                         .layers = {},
                         .annotations = TRY(reader.string_map("annotations"))};
  for (const auto& layer : TRY(reader.elements("layers"))) {
    attached.layers.push_back(TRY(oci::descriptor_from_json(layer)));
    if (attached.layers.size() > k_signature_count_limit) return too_many();
  }
  return std::optional(std::move(attached));
}

Result<void> add_attached(std::vector<FoundSignature>& found, Client& client, const Endpoint& endpoint,
                          const Digest& manifest) {
  const auto attached = TRY(find_attachment(client, endpoint, manifest));
  if (!attached) return ok();
  for (const auto& layer : attached->layers) {
    const auto annotation = layer.annotations.find(k_signature_annotation);
    if (layer.media_type != k_claim_type || annotation == layer.annotations.end()) continue;
    auto signature = base64_decode(annotation->second);
    if (!signature) continue;
    auto document = TRY(client.fetch_small_blob(endpoint, layer));
    found.push_back({SignatureKind::sigstore, std::move(*signature), std::move(document)});
  }
  return ok();
}

// The keys of a requirement, each as it is in its file.
Result<std::vector<std::string>> keys_of(const Requirement& requirement) {
  auto keys = requirement.key_data;
  for (const auto& path : requirement.key_paths) {
    keys.push_back(TRY(read_file(path, k_key_limit_bytes).context("the key of the policy")));
  }
  return keys;
}

Result<std::string> keyring_of(const std::vector<std::string>& keys) {
  std::string keyring;
  for (const auto& key : keys) keyring += TRY(dearmor_keys(key).context("a key of the policy"));
  return keyring;
}

// One of the keys must have made the signature.
Result<void> check_bare(const std::vector<std::string>& keys, const FoundSignature& found) {
  Result<void> checked = Error(Errc::permission, "there is no key");
  for (const auto& key : keys) {
    checked = check_bare_signature(key, found.document, found.signature);
    if (checked || checked.error().code() != Errc::permission) break;
  }
  return checked;
}

Result<void> check_claim(const Requirement& requirement, const SignedImage& image, std::string_view document,
                         SignatureKind kind) {
  const auto claim = TRY(parse_claim(document, kind));
  TRY(check_identity(requirement.identity, image.reference, claim.reference));
  if (digest_of(image.manifest, claim.manifest.algorithm()) == claim.manifest) return ok();
  return Error(Errc::permission, "Signature for docker digest " + claim.manifest.to_string() + " does not match");
}

// Whether one signature meets one requirement. `keys` are what keys_of() gives.
Result<void> judge(const GnupgContext& gnupg, const Requirement& requirement, const std::vector<std::string>& keys,
                   const SignedImage& image, const FoundSignature& found) {
  if (found.kind == SignatureKind::sigstore) {
    TRY(check_bare(keys, found));
    return check_claim(requirement, image, found.document, found.kind);
  }
  const auto document = TRY(open_signature(gnupg, found.signature, TRY(keyring_of(keys))));
  return check_claim(requirement, image, document, found.kind);
}

Result<void> check_requirement(const GnupgContext& gnupg, const Requirement& requirement, const SignedImage& image,
                               const std::vector<FoundSignature>& signatures) {
  if (!requirement.unsupported.empty()) {
    return Error(Errc::unsupported, "it demands '" + requirement.unsupported + "', which ctr cannot check");
  }
  const auto kind = requirement.kind == Requirement::Kind::signed_by ? SignatureKind::simple : SignatureKind::sigstore;
  const auto keys = TRY(keys_of(requirement));
  std::vector<std::string> reasons;
  for (const auto& found : signatures) {
    if (found.kind != kind) continue;
    auto judged = judge(gnupg, requirement, keys, image, found);
    if (judged) return ok();
    // What is wrong with a signature is a reason; what is wrong with this host or with the policy is the answer.
    const auto code = judged.error().code();
    if (code != Errc::permission && code != Errc::corrupt && code != Errc::invalid) return judged;
    reasons.push_back(judged.error().text());
  }
  if (reasons.empty()) return Error(Errc::permission, "A signature was required, but no signature exists");
  if (reasons.size() == 1) return Error(Errc::permission, reasons.front());
  reasons.resize(std::min<size_t>(reasons.size(), 4));
  return Error(Errc::permission, "None of the signatures were accepted, reasons: " + join(reasons, "; "));
}

class TextSource final : public BlobSource {
 public:
  explicit TextSource(const std::string& text) : text_(text) {}
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> buffer) override {
    if (offset >= text_.size()) return size_t{0};
    const auto size = std::min(buffer.size(), text_.size() - static_cast<size_t>(offset));
    std::copy_n(reinterpret_cast<const std::byte*>(text_.data()) + offset, size, buffer.begin());
    return size;
  }

 private:
  const std::string& text_;
};

oci::Descriptor descriptor_of(const char* media_type, const std::string& text) {
  return {.media_type = media_type,
          .digest = digest_of(text),
          .size_bytes = text.size(),
          .platform = {},
          .annotations = {}};
}

// The image of signatures as registries want it: its layers are the signed documents.
std::string config_of(const oci::Manifest& attached) {
  Json layers = Json::array();
  for (const auto& layer : attached.layers) layers.push(layer.digest.to_string());
  return dump_json(Json::object()
                       .set("architecture", "")
                       .set("os", "")
                       .set("config", Json::object())
                       .set("rootfs", Json::object().set("type", "layers").set("diff_ids", std::move(layers))));
}

}  // namespace

Result<std::vector<FoundSignature>> find_signatures(Client& client, const Endpoint& endpoint,
                                                    const SignaturePlaces& places, const Digest& manifest) {
  std::vector<FoundSignature> found;
  for (size_t number = 1;; ++number) {
    auto signature = TRY(read_signature(client, signature_url(places.read, endpoint, manifest, number)));
    if (!signature) break;
    if (number > k_signature_count_limit) return too_many();
    found.push_back({SignatureKind::simple, std::move(*signature), {}});
  }
  if (places.attachments) TRY(add_attached(found, client, endpoint, manifest).context("reading attached signatures"));
  return found;
}

Result<void> check_signatures(const GnupgContext& gnupg, const TrustDemand& demand, const SignedImage& image,
                              const std::vector<FoundSignature>& signatures) {
  for (const auto& requirement : demand.signatures) {
    auto checked = check_requirement(gnupg, requirement, image, signatures);
    if (checked) continue;
    const char* kind = requirement.kind == Requirement::Kind::signed_by ? "signedBy" : "sigstoreSigned";
    return std::move(checked).error().context(
        fmt::format("Source image rejected: {} demands {} of {}", demand.source, kind, demand.image));
  }
  return ok();
}

Result<void> attach_signature(Client& client, const Endpoint& endpoint, const Digest& manifest,
                              const FoundSignature& signature) {
  auto attached = TRY(find_attachment(client, endpoint, manifest))
                      .value_or(oci::Manifest{.media_type = k_manifest_type,
                                              .config = descriptor_of(k_config_type, ""),
                                              .layers = {},
                                              .annotations = {}});
  auto layer = descriptor_of(k_claim_type, signature.document);
  layer.annotations[k_signature_annotation] = base64_encode(signature.signature);
  if (std::find(attached.layers.begin(), attached.layers.end(), layer) != attached.layers.end()) return ok();
  attached.layers.push_back(layer);
  if (attached.layers.size() > k_signature_count_limit) return too_many();
  const auto config = config_of(attached);
  attached.config = descriptor_of(k_config_type, config);
  TextSource document_source(signature.document);
  TextSource config_source(config);
  TRY(client.push_blobs(endpoint, {{.descriptor = layer, .source = &document_source},
                                   {.descriptor = attached.config,
                                    .source = &config_source,
                                    .mount_from = {},
                                    .kind = ProgressSink::BlobKind::config}}));
  return client.push_manifest(endpoint, attachment_of(manifest), k_manifest_type, dump_json(oci::to_json(attached)));
}

}  // namespace ctr::registry

#include "engine/image_signatures.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/yaml.h"
#include "registry/lookaside.h"
#include "registry/signatures.h"
#include "registry/sigstore_key.h"

namespace ctr::engine {
namespace {

constexpr size_t k_key_limit_bytes = size_t{64} << 10;

// The places of signatures are those of the endpoint that is talked to: a mirror has its own.
Result<registry::SignaturePlaces> places_at(const EngineOptions& options, const registry::Endpoint& endpoint,
                                            const oci::ImageReference& reference) {
  const auto stores = TRY(registry::load_signature_stores(options.paths, options.uid));
  auto there = reference;
  there.domain = endpoint.host;
  there.path = endpoint.repository;
  return registry::places_of(stores, there);
}

// Simple signatures of a directory. Those of sigstore begin with a NUL byte there and are not looked at.
Result<std::vector<registry::FoundSignature>> signatures_of(const ImageFiles& files, const LocalImage& image) {
  const bool is_in_list = image.chain.size() > 1;
  const auto prefix = is_in_list ? image.chain.back().descriptor.digest.hex() + "." : std::string();
  std::vector<registry::FoundSignature> found;
  for (size_t number = 1; number <= registry::k_signature_count_limit; ++number) {
    auto signature = TRY(files.read_if_there(fmt::format("{}signature-{}", prefix, number)));
    if (!signature) break;
    if (signature->starts_with('\0')) continue;
    found.push_back({registry::SignatureKind::simple, std::move(*signature), {}});
  }
  return found;
}

// The first line of a file.
Result<std::string> read_passphrase(const std::string& file) {
  const auto text = TRY(read_file(file, k_key_limit_bytes).context("read the passphrase"));
  return text.substr(0, text.find('\n'));
}

struct SigstoreKeyFiles {
  std::string key, passphrase;  // the passphrase may have no file
};

// --sign-by-sigstore. Source: containers-sigstore-signing-params.yaml(5).
Result<SigstoreKeyFiles> read_parameters(const std::string& file) {
  const auto documents = TRY(parse_yaml(TRY(read_file(file, k_key_limit_bytes)), file));
  const Json json = documents.size() == 1 ? yaml_to_json(documents.front()) : Json();
  const JsonReader reader(json, file);
  TRY(reader.expect_object());
  for (const auto& [key, value] : json.as_object()) {
    if (key == "privateKeyFile" || key == "privateKeyPassphraseFile") continue;
    return Error(Errc::unsupported, fmt::format("{}: '{}' is not supported", file, printable(key)))
        .with_hint("images are signed with a key in a file: privateKeyFile");
  }
  return SigstoreKeyFiles{TRY(reader.get_string("privateKeyFile")),
                          TRY(reader.string_or("privateKeyPassphraseFile", ""))};
}

std::string creator(const EngineOptions& options) { return "ctr " + options.version; }

}  // namespace

Result<void> check_registry_signatures(TransferSession& session, const registry::TrustDemand& demand,
                                       const registry::ResolvedImage& image, const oci::ImageReference& reference) {
  if (demand.signatures.empty()) return ok();
  const auto& document = image.chain.back();
  const auto places = TRY(places_at(session.options, image.endpoint, reference));
  auto found = registry::find_signatures(*session.client, image.endpoint, places, document.descriptor.digest);
  const auto signatures = TRY(std::move(found).context("Source image rejected: reading signatures of " + demand.image));
  const registry::GnupgContext gnupg{session.options.environment, session.options.cancel};
  return registry::check_signatures(gnupg, demand, {reference, document.bytes}, signatures);
}

Result<void> check_file_signatures(const EngineOptions& options, const registry::TrustDemand& demand,
                                   const ImageFiles& files, const LocalImage& image, LocalLayout layout) {
  if (demand.signatures.empty()) return ok();
  std::vector<registry::FoundSignature> signatures;
  if (layout == LocalLayout::directory) signatures = TRY(signatures_of(files, image));
  const registry::GnupgContext gnupg{options.environment, options.cancel};
  return registry::check_signatures(gnupg, demand, {std::nullopt, image.chain.back().bytes}, signatures);
}

Result<PushSigner> PushSigner::open(TransferSession& session, const PushTarget& target, const PushOptions& options) {
  PushSigner signer(session, target, options);
  SigstoreKeyFiles files{options.sigstore_key_file, options.sign_passphrase_file};
  if (!options.sigstore_params_file.empty()) {
    const auto read = TRY(read_parameters(options.sigstore_params_file).context("--sign-by-sigstore"));
    files.key = read.key;
    if (!read.passphrase.empty()) files.passphrase = read.passphrase;
  }
  if (options.sign_by.empty() && files.key.empty()) return signer;
  signer.places_ = TRY(places_at(session.options, target.endpoint, target.reference));
  if (!options.sign_passphrase_file.empty()) {
    signer.passphrase_ = TRY(read_passphrase(options.sign_passphrase_file));
  }
  if (files.key.empty()) return signer;
  if (!signer.places_.attachments) {
    return Error(Errc::unsupported, "writing sigstore attachments is disabled by configuration")
        .with_hint("registries.d has to say for " + target.endpoint.host + ": use-sigstore-attachments: true");
  }
  signer.sigstore_key_ = TRY(read_file(files.key, k_key_limit_bytes).context("read the sigstore key"));
  if (!files.passphrase.empty()) signer.sigstore_passphrase_ = TRY(read_passphrase(files.passphrase));
  // Said before layers are sent.
  const auto what = fmt::format("sign with '{}'", printable(files.key));
  (void)TRY(registry::make_bare_signature(signer.sigstore_key_, signer.sigstore_passphrase_, "").context(what));
  return signer;
}

Result<void> PushSigner::sign(const std::string& manifest) {
  const auto digest = digest_of(manifest);
  if (!options_.sign_by.empty()) TRY(sign_simple(digest).context("Signing image with " + printable(options_.sign_by)));
  if (!sigstore_key_.empty()) TRY(sign_sigstore(digest).context("Signing image with a sigstore key"));
  return ok();
}

Result<void> PushSigner::sign_simple(const Digest& digest) {
  const registry::GnupgContext gnupg{session_.options.environment, session_.options.cancel};
  const registry::SignatureClaim claim{digest, target_.reference.to_string()};
  const auto document =
      registry::claim_document(claim, registry::SignatureKind::simple, creator(session_.options), now());
  const auto signature = TRY(registry::make_signature(gnupg, document, {options_.sign_by, passphrase_}));
  return registry::store_signature(places_.write, target_.endpoint, digest, signature);
}

Result<void> PushSigner::sign_sigstore(const Digest& digest) {
  const registry::SignatureClaim claim{digest, target_.reference.to_string()};
  registry::FoundSignature made{.kind = registry::SignatureKind::sigstore, .signature = {}, .document = {}};
  made.document = registry::claim_document(claim, made.kind, creator(session_.options), now());
  made.signature = TRY(registry::make_bare_signature(sigstore_key_, sigstore_passphrase_, made.document));
  return registry::attach_signature(*session_.client, target_.endpoint, digest, made);
}

Result<void> sign_image(TransferSession& session, const std::string& reference, const PushOptions& push,
                        const SignOptions& options) {
  if (push.sign_by.empty()) return Error(Errc::invalid, "no identity provided");
  const auto target = TRY(find_push_target(session, reference));
  const auto image = TRY(session.client->resolve({target.endpoint}, target.reference, oci::host_platform()));
  std::vector<Digest> digests = {image.chain.front().descriptor.digest};
  if (const auto* index = std::get_if<oci::ImageIndex>(&image.chain.front().parsed); index != nullptr && options.all) {
    for (const auto& entry : index->manifests) digests.push_back(entry.digest);
  }
  std::string passphrase;
  if (!push.sign_passphrase_file.empty()) passphrase = TRY(read_passphrase(push.sign_passphrase_file));
  const auto place = options.directory.empty()
                         ? TRY(places_at(session.options, target.endpoint, target.reference)).write
                         : "file://" + options.directory;
  const registry::GnupgContext gnupg{session.options.environment, session.options.cancel};
  for (const auto& digest : digests) {
    const registry::SignatureClaim claim{digest, target.reference.to_string()};
    const auto document =
        registry::claim_document(claim, registry::SignatureKind::simple, creator(session.options), now());
    const auto signature = TRY(registry::make_signature(gnupg, document, {push.sign_by, passphrase}));
    TRY(registry::add_signature(place, target.endpoint, digest, signature));
  }
  return ok();
}

}  // namespace ctr::engine

// What registries, token servers and configuration files say: headers, URLs, answers, policies.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <memory>

#include "base/base64.h"
#include "registry/auth.h"
#include "registry/challenge.h"
#include "registry/download.h"
#include "registry/errors.h"
#include "registry/jwe.h"
#include "registry/layer_cipher.h"
#include "registry/openpgp.h"
#include "registry/policy.h"
#include "registry/signature_claim.h"
#include "registry/signature_stores.h"
#include "registry/signed_identity.h"
#include "registry/tokens.h"
#include "registry/trust.h"
#include "registry/url.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace ctr;            // NOLINT(google-build-using-namespace): a test
using namespace ctr::registry;  // NOLINT(google-build-using-namespace): a test

bool is_safe_for_header(const std::string& text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

void fuzz_url(std::string_view text) {
  const auto base = parse_url("https://registry.example:8443/v2/a/blobs/x");
  CTR_ASSERT(base);
  for (const auto& url : {parse_url(text), resolve_url(*base, text)}) {
    if (!url) continue;
    CTR_ASSERT(url->origin.scheme == "http" || url->origin.scheme == "https");
    CTR_ASSERT(!url->origin.host.empty() && is_safe_for_header(url->text));
    const auto again = parse_url(url->text);
    CTR_ASSERT(again && again->origin == url->origin);
  }
}

void fuzz_headers(std::string_view text) {
  const Origin origin{.scheme = "https", .host = "registry.example", .port = 443};
  for (const auto& challenge : parse_challenges(text)) {
    CTR_ASSERT(!challenge.scheme.empty());
    const auto request = token_request(challenge, origin, {"repository:a:pull"},
                                       Credentials{.username = "u", .password = "p", .identity_token = {}});
    if (!request) continue;
    CTR_ASSERT(request->url.origin.scheme == "https");
    for (const auto& header : request->headers) CTR_ASSERT(is_safe_for_header(header));
  }
  if (const auto range = parse_content_range(text))
    CTR_ASSERT(range->first <= range->last && range->last < range->total);
  CTR_ASSERT(retry_after_seconds(text, 1'700'000'000) >= -1);
}

void fuzz_answers(std::string_view text) {
  const auto message = error_of_response(404, text).message();
  CTR_ASSERT(!message.empty() && message.size() < 4096 && message.find('\x1b') == std::string::npos);
  if (const auto token = parse_token(text)) CTR_ASSERT(is_safe_for_header(token->value) && !token->value.empty());
  if (const auto bytes = base64_decode(text)) CTR_ASSERT(base64_decode(base64_encode(*bytes)) == bytes);
}

void fuzz_files(std::string_view text) {
  (void)parse_trust_policy(text, "policy.json");
  SignatureStores stores;
  (void)merge_signature_stores(stores, text, "default.yaml");
  (void)normalise_auth_key(text);
  RegistriesConfig config;
  if (!merge_registries_toml(config, text, "registries.conf")) return;
  for (const std::string name : {"alpine", "a/b:1", "quay.io/a/b:1", "x.example.com/a:1"}) {
    const auto candidates = find_candidates(config, *oci::parse_reference(name));
    if (!candidates) continue;
    for (const auto& candidate : candidates->references) {
      const auto endpoints = find_endpoints(config, candidate);
      if (!endpoints) continue;
      CTR_ASSERT(!endpoints->empty());
      for (const auto& endpoint : *endpoints) CTR_ASSERT(oci::is_valid_repository_path(endpoint.repository));
    }
  }
}

// What lookasides and registries give as signatures.
void fuzz_signatures(std::string_view text) {
  for (const auto kind : {SignatureKind::simple, SignatureKind::sigstore}) {
    const auto claim = parse_claim(text, kind);
    if (!claim) continue;
    const auto again = parse_claim(claim_document(*claim, kind, "fuzz", from_unix_seconds(0)), kind);
    CTR_ASSERT(again && *again == *claim);
    (void)check_identity({}, oci::parse_reference("quay.io/a:1").value(), claim->reference);
  }
  (void)check_gpg_status(text);
  (void)dearmor_keys(text);
}

std::string fresh_private_key() {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_RSA_gen(2048), EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), BIO_free);
  CTR_ASSERT(PEM_write_bio_PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<size_t>(size)};
}

// The annotations of encrypted layers.
void fuzz_encryption(std::string_view text) {
  static const auto owner = UnwrapKey::open(fresh_private_key(), "");
  CTR_ASSERT(owner);
  CTR_ASSERT(!owner->unwrap(text));
  const std::string document(text);
  if (const auto key = parse_layer_key(document)) {
    CTR_ASSERT(key->key.size() == 32 && key->nonce.size() == 16);
    const auto again = parse_layer_key(to_text(*key));
    CTR_ASSERT(again && again->key == key->key && again->nonce == key->nonce && again->digest == key->digest);
  }
  if (const auto seal = parse_layer_seal(document))
    CTR_ASSERT(is_same_seal(parse_layer_seal(to_text(*seal)).value(), *seal));
}

}  // namespace

void fuzz(std::string_view text) {
  fuzz_url(text);
  fuzz_headers(text);
  fuzz_answers(text);
  fuzz_files(text);
  fuzz_signatures(text);
  fuzz_encryption(text);
}

// What a signature is made over: a JSON document that joins a manifest's digest to a name. Pure.
// Source: containers/image signature format ("atomic container signature"), cosign "Simple Signing".
#pragma once

#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"
#include "base/time.h"

namespace ctr::registry {

// simple: OpenPGP, in a lookaside. sigstore: a bare public key, beside the image in its registry.
enum class SignatureKind { simple, sigstore };

struct SignatureClaim {
  Digest manifest;
  std::string reference;  // as signed: not yet known to be a valid one
  bool operator==(const SignatureClaim&) const = default;
};

inline constexpr size_t k_claim_limit_bytes = size_t{1} << 20;

// Everything in "critical" must be what is known, and nothing else: who signed more has meant more than is checked
// here. Errors: corrupt.
Result<SignatureClaim> parse_claim(std::string_view document, SignatureKind kind);
std::string claim_document(const SignatureClaim& claim, SignatureKind kind, std::string_view creator, TimePoint made);

}  // namespace ctr::registry

// Signatures of images: where they are found, whether a policy accepts them, where new ones are put.
// Source: containers/image "signature protocols"; sigstore/cosign "Signature Specification".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/oci/reference.h"
#include "base/result.h"
#include "registry/client.h"
#include "registry/openpgp.h"
#include "registry/signature_claim.h"
#include "registry/signature_stores.h"
#include "registry/trust.h"

namespace ctr::registry {

// As found: nothing of it is known to be true.
struct FoundSignature {
  SignatureKind kind = SignatureKind::simple;
  std::string signature;  // simple: an OpenPGP message with the document in it; sigstore: of the document
  std::string document;   // sigstore
};

// More than this many of one image are not looked at; also in containers/image.
inline constexpr size_t k_signature_count_limit = 128;
inline constexpr size_t k_signature_limit_bytes = size_t{4} << 20;

// The signatures of a manifest: in the lookaside, and where registries.d asks for it beside the image.
// Errors: network, unauthorized, invalid (a place that cannot be read), corrupt.
Result<std::vector<FoundSignature>> find_signatures(Client& client, const Endpoint& endpoint,
                                                    const SignaturePlaces& places, const Digest& manifest);

// The image that signatures are to be for.
struct SignedImage {
  std::optional<oci::ImageReference> reference;  // what was asked for; nullopt for an image in files
  const std::string& manifest;                   // its bytes
};
// For each requirement one of the signatures must be good. Keys are read now.
// Errors: permission and unsupported, with policy file and reason.
Result<void> check_signatures(const GnupgContext& gnupg, const TrustDemand& demand, const SignedImage& image,
                              const std::vector<FoundSignature>& signatures);

// Puts a signature beside the image in its registry, behind those that are there.
Result<void> attach_signature(Client& client, const Endpoint& endpoint, const Digest& manifest,
                              const FoundSignature& signature);

}  // namespace ctr::registry

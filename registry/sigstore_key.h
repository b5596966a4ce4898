// Signatures of bare keys, as cosign makes them: ECDSA and RSA (PKCS #1) over SHA-256, Ed25519. By libcrypto.
// Source: sigstore/cosign "Signature Specification".
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::registry {

// `key`: a public key in PEM. Errors: invalid (no such key), permission when the signature is not the key's.
Result<void> check_bare_signature(std::string_view key, std::string_view document, std::string_view signature);

// `key`: a private key in PEM; cosign's encrypted form is opened with `passphrase`.
// Errors: invalid, permission (passphrase), unsupported.
Result<std::string> make_bare_signature(std::string_view key, std::string_view passphrase, std::string_view document);

}  // namespace ctr::registry

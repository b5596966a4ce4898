// Private keys in the form of cosign and `skopeo generate-sigstore-key`: JSON in PEM, encrypted with a passphrase by
// scrypt and NaCl's secretbox (XSalsa20 and Poly1305). Source: sigstore/cosign, go-securesystemslib "encrypted"; NaCl
// "Cryptography in NaCl"; Bernstein, "Extending the Salsa20 nonce".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::registry {

bool is_cosign_key(std::string_view pem);
// The key in PKCS #8, DER. Errors: invalid, permission (the passphrase is another one), unsupported (another cipher).
Result<std::string> open_cosign_key(std::string_view pem, std::string_view passphrase);

// What secretbox has closed; nullopt unless key (32 bytes), nonce (24 bytes) and the whole text fit.
std::optional<std::string> open_secretbox(std::string_view box, std::string_view nonce, std::string_view key);

}  // namespace ctr::registry

// Private keys in the form of cosign and `skopeo generate-sigstore-key`: JSON in PEM, encrypted with a passphrase by
// scrypt and NaCl's secretbox. Source: sigstore/cosign, go-securesystemslib "encrypted".
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::registry {

bool is_cosign_key(std::string_view pem);
// The key in PKCS #8, DER. Errors: invalid, permission (the passphrase is another one), unsupported (another cipher).
Result<std::string> open_cosign_key(std::string_view pem, std::string_view passphrase);

}  // namespace ctr::registry

// JSON Web Encryption for keys of RSA: RSA-OAEP around AES-256-GCM, in the JSON serialization.
// Source: RFC 7516, RFC 7518; ocicrypt writes it so.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr::registry {

// For the owner of `public_key`: PEM, of a key or a certificate. Errors: invalid, unsupported (no key of RSA).
Result<std::string> wrap_for_key(std::string_view public_key, std::string_view plain);

// A private key of RSA, for several messages.
class UnwrapKey {
 public:
  // PEM or DER; `passphrase` for what is encrypted. Errors: invalid, permission (passphrase), unsupported.
  static Result<UnwrapKey> open(std::string_view text, std::string_view passphrase);
  UnwrapKey(UnwrapKey&& other) noexcept;
  UnwrapKey& operator=(UnwrapKey&&) = delete;
  ~UnwrapKey();
  // Errors: permission (it is for another key), invalid, unsupported (another algorithm).
  Result<std::string> unwrap(std::string_view message) const;

 private:
  explicit UnwrapKey(void* key) : key_(key) {}
  void* key_;  // EVP_PKEY
};

}  // namespace ctr::registry

// The encryption of layers: AES-256 in counter mode, and HMAC-SHA256 over what is encrypted, with the same key.
// Source: ocicrypt, "AES_256_CTR_HMAC_SHA256".
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/digest.h"
#include "base/result.h"

namespace ctr::registry {

// What opens a layer. The owner of a private key finds it in the layer's annotations.
struct LayerKey {
  std::string key;    // 32 bytes
  std::string nonce;  // 16 bytes
  Digest digest;      // of the layer in the clear
};

// What everybody may read beside it.
struct LayerSeal {
  std::string hmac;
};

Result<LayerKey> make_layer_key(const Digest& digest);
// The documents of both, as they are in annotations once they are wrapped and encoded. Errors: invalid, unsupported.
std::string to_text(const LayerKey& key);
Result<LayerKey> parse_layer_key(const std::string& text);
std::string to_text(const LayerSeal& seal);
Result<LayerSeal> parse_layer_seal(const std::string& text);

// One layer on its way, bytes in place.
class LayerCipher {
 public:
  enum class Direction { encrypt, decrypt };
  static Result<LayerCipher> start(const LayerKey& key, Direction direction);
  LayerCipher(LayerCipher&& other) noexcept;
  LayerCipher& operator=(LayerCipher&& other) noexcept;
  ~LayerCipher();
  Result<void> update(std::span<std::byte> bytes);
  // The seal of all bytes. The cipher must not be used afterwards.
  Result<LayerSeal> finish();

 private:
  LayerCipher() = default;
  void* cipher_ = nullptr;  // EVP_CIPHER_CTX
  void* mac_ = nullptr;     // EVP_MAC_CTX
  Direction direction_ = Direction::encrypt;
};

// Without telling by its duration where they differ.
bool is_same_seal(const LayerSeal& one, const LayerSeal& other);

}  // namespace ctr::registry

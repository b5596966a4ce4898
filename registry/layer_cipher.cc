#include "registry/layer_cipher.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <utility>

#include "base/base64.h"
#include "base/json.h"
#include "base/text.h"
#include "registry/tokens.h"

namespace ctr::registry {
namespace {

constexpr const char* k_cipher = "AES_256_CTR_HMAC_SHA256";
constexpr size_t k_key_bytes = 32;
constexpr size_t k_nonce_bytes = 16;
constexpr size_t k_hmac_bytes = 32;

EVP_CIPHER_CTX* cipher_of(void* pointer) { return static_cast<EVP_CIPHER_CTX*>(pointer); }
EVP_MAC_CTX* mac_of(void* pointer) { return static_cast<EVP_MAC_CTX*>(pointer); }
const unsigned char* bytes_of(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Error no_cipher() { return Error(Errc::unsupported, "libcrypto cannot encrypt with AES-256 and HMAC-SHA256"); }

// A member in base64 with a fixed number of bytes; empty when it is not there.
Result<std::string> bytes_at(const JsonReader& reader, std::string_view key, size_t count) {
  const auto text = TRY(reader.string_or(key, ""));
  if (text.empty()) return std::string();
  auto bytes = base64_decode(text);
  if (!bytes || bytes->size() != count) return reader.wrong(key, fmt::format("{} bytes in base64", count));
  return std::move(*bytes);
}

}  // namespace

Result<LayerKey> make_layer_key(const Digest& digest) {
  std::string bytes(k_key_bytes + k_nonce_bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) != 1) {
    return Error(Errc::io, "there are no random numbers");
  }
  return LayerKey{bytes.substr(0, k_key_bytes), bytes.substr(k_key_bytes), digest};
}

std::string to_text(const LayerKey& key) {
  return dump_json(Json::object()
                       .set("symkey", base64_encode(key.key))
                       .set("digest", key.digest.to_string())
                       .set("cipheroptions", Json::object().set("nonce", base64_encode(key.nonce))));
}

Result<LayerKey> parse_layer_key(const std::string& text) {
  const Json document = TRY(parse_json(text, "the key of the layer"));
  const JsonReader reader(document, "the key of the layer");
  auto digest = Digest::parse(TRY(reader.get_string("digest")));
  if (!digest) return reader.wrong("digest", "a digest");
  const auto options = TRY(reader.find_object("cipheroptions"));
  LayerKey key{TRY(bytes_at(reader, "symkey", k_key_bytes)), "", std::move(*digest)};
  if (options) key.nonce = TRY(bytes_at(*options, "nonce", k_nonce_bytes));
  if (key.key.empty() || key.nonce.empty()) return Error(Errc::invalid, "the key of the layer is not whole");
  return key;
}

std::string to_text(const LayerSeal& seal) {
  // Versions of ocicrypt read the one or the other.
  const auto hmac = base64_encode(seal.hmac);
  return dump_json(
      Json::object().set("cipher", k_cipher).set("hmac", hmac).set("cipheroptions", Json::object().set("hmac", hmac)));
}

Result<LayerSeal> parse_layer_seal(const std::string& text) {
  const Json document = TRY(parse_json(text, "the layer's seal"));
  const JsonReader reader(document, "the layer's seal");
  const auto cipher = TRY(reader.string_or("cipher", ""));
  if (cipher != k_cipher) {
    return Error(Errc::unsupported,
                 fmt::format("it is encrypted with '{}', which is not supported", printable(cipher)));
  }
  LayerSeal seal{TRY(bytes_at(reader, "hmac", k_hmac_bytes))};
  const auto options = TRY(reader.find_object("cipheroptions"));
  if (seal.hmac.empty() && options) seal.hmac = TRY(bytes_at(*options, "hmac", k_hmac_bytes));
  if (seal.hmac.empty()) return Error(Errc::invalid, "the layer has no seal");
  return seal;
}

Result<LayerCipher> LayerCipher::start(const LayerKey& key, Direction direction) {
  LayerCipher cipher;
  cipher.direction_ = direction;
  cipher.cipher_ = EVP_CIPHER_CTX_new();
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  if (mac != nullptr) cipher.mac_ = EVP_MAC_CTX_new(mac);
  EVP_MAC_free(mac);
  std::string hash = "SHA256";
  const std::array<OSSL_PARAM, 2> parameters = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash.data(), 0),
                                                OSSL_PARAM_construct_end()};
  // Both directions are the same: a stream of bytes is added.
  const bool good = cipher.cipher_ != nullptr && cipher.mac_ != nullptr &&
                    EVP_EncryptInit_ex(cipher_of(cipher.cipher_), EVP_aes_256_ctr(), nullptr, bytes_of(key.key),
                                       bytes_of(key.nonce)) == 1 &&
                    EVP_MAC_init(mac_of(cipher.mac_), bytes_of(key.key), key.key.size(), parameters.data()) == 1;
  if (!good) return no_cipher();
  return cipher;
}

LayerCipher::LayerCipher(LayerCipher&& other) noexcept
    : cipher_(std::exchange(other.cipher_, nullptr)),
      mac_(std::exchange(other.mac_, nullptr)),
      direction_(other.direction_) {}

LayerCipher& LayerCipher::operator=(LayerCipher&& other) noexcept {
  std::swap(cipher_, other.cipher_);
  std::swap(mac_, other.mac_);
  std::swap(direction_, other.direction_);
  return *this;
}

LayerCipher::~LayerCipher() {
  EVP_CIPHER_CTX_free(cipher_of(cipher_));
  EVP_MAC_CTX_free(mac_of(mac_));
}

Result<void> LayerCipher::update(std::span<std::byte> bytes) {
  auto* data = reinterpret_cast<unsigned char*>(bytes.data());
  const auto seal = [&] { return EVP_MAC_update(mac_of(mac_), data, bytes.size()) == 1; };
  int size = 0;
  const auto turn = [&] {
    return EVP_EncryptUpdate(cipher_of(cipher_), data, &size, data, static_cast<int>(bytes.size())) == 1;
  };
  // The seal is of the encrypted bytes.
  const bool good = direction_ == Direction::decrypt ? seal() && turn() : turn() && seal();
  return good ? ok() : Result<void>(no_cipher());
}

Result<LayerSeal> LayerCipher::finish() {
  LayerSeal seal{std::string(k_hmac_bytes, '\0')};
  size_t size = 0;
  auto* out = reinterpret_cast<unsigned char*>(seal.hmac.data());
  if (EVP_MAC_final(mac_of(mac_), out, &size, seal.hmac.size()) != 1 || size != k_hmac_bytes) return no_cipher();
  return seal;
}

bool is_same_seal(const LayerSeal& one, const LayerSeal& other) {
  return one.hmac.size() == other.hmac.size() &&
         CRYPTO_memcmp(one.hmac.data(), other.hmac.data(), one.hmac.size()) == 0;
}

}  // namespace ctr::registry

#include "registry/cosign_key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <bit>
#include <memory>

#include "base/json.h"
#include "base/text.h"
#include "registry/tokens.h"

namespace ctr::registry {
namespace {

constexpr std::string_view k_begin[] = {"-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----",
                                        "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"};
constexpr size_t k_pem_limit_bytes = size_t{64} << 10;
// scrypt takes 128 * N * r bytes: 64 MiB with what cosign writes.
constexpr uint64_t k_scrypt_limit_bytes = uint64_t{256} << 20;
constexpr size_t k_key_bytes = 32;
constexpr size_t k_nonce_bytes = 24;
constexpr size_t k_tag_bytes = 16;
constexpr size_t k_block_bytes = 64;

using Words = std::array<uint32_t, 16>;

uint32_t load_word(std::string_view bytes, size_t at) {
  uint32_t word = 0;
  for (size_t i = 4; i-- > 0;) word = word << 8 | static_cast<unsigned char>(bytes[at + i]);
  return word;
}

void store_word(std::string& bytes, uint32_t word) {
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(word >> (8 * i) & 0xff);
}

// The matrix of Salsa20: constants on the diagonal, the key beside them, sixteen bytes of input in the middle.
Words salsa_input(std::string_view key, std::string_view input) {
  constexpr std::string_view k_constant = "expand 32-byte k";
  Words words{};
  for (size_t i = 0; i < 4; ++i) {
    words[5 * i] = load_word(k_constant, 4 * i);
    words[1 + i] = load_word(key, 4 * i);
    words[11 + i] = load_word(key, 16 + 4 * i);
    words[6 + i] = load_word(input, 4 * i);
  }
  return words;
}

void quarter_round(Words& x, size_t a, size_t b, size_t c, size_t d) {
  x[b] ^= std::rotl(x[a] + x[d], 7);
  x[c] ^= std::rotl(x[b] + x[a], 9);
  x[d] ^= std::rotl(x[c] + x[b], 13);
  x[a] ^= std::rotl(x[d] + x[c], 18);
}

Words salsa_rounds(Words x) {
  for (int i = 0; i < 10; ++i) {
    quarter_round(x, 0, 4, 8, 12);
    quarter_round(x, 5, 9, 13, 1);
    quarter_round(x, 10, 14, 2, 6);
    quarter_round(x, 15, 3, 7, 11);
    quarter_round(x, 0, 1, 2, 3);
    quarter_round(x, 5, 6, 7, 4);
    quarter_round(x, 10, 11, 8, 9);
    quarter_round(x, 15, 12, 13, 14);
  }
  return x;
}

// HSalsa20: the key of the stream, from key and first part of the nonce.
std::string stream_key(std::string_view key, std::string_view nonce) {
  const auto x = salsa_rounds(salsa_input(key, nonce.substr(0, 16)));
  std::string bytes;
  for (const size_t i : {0, 5, 10, 15, 6, 7, 8, 9}) store_word(bytes, x[i]);
  return bytes;
}

std::string stream_block(std::string_view key, std::string_view nonce, uint64_t counter) {
  std::string input(nonce.substr(16));
  store_word(input, static_cast<uint32_t>(counter));
  store_word(input, static_cast<uint32_t>(counter >> 32));
  const auto start = salsa_input(key, input);
  const auto x = salsa_rounds(start);
  std::string bytes;
  for (size_t i = 0; i < x.size(); ++i) store_word(bytes, x[i] + start[i]);
  return bytes;
}

// Poly1305 of RFC 8439.
std::optional<std::string> authenticator(std::string_view key, std::string_view text) {
  struct FreeMac {
    void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  };
  const std::unique_ptr<EVP_MAC, FreeMac> mac(EVP_MAC_fetch(nullptr, "POLY1305", nullptr));
  if (!mac) return std::nullopt;
  const std::unique_ptr<EVP_MAC_CTX, FreeMac> context(EVP_MAC_CTX_new(mac.get()));
  std::string tag(k_tag_bytes, '\0');
  size_t size = 0;
  const bool is_made =
      context != nullptr &&
      EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(key.data()), key.size(), nullptr) == 1 &&
      EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1 &&
      EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(tag.data()), &size, tag.size()) == 1;
  if (!is_made || size != tag.size()) return std::nullopt;
  return tag;
}

std::string_view armor_of(std::string_view pem) {
  for (const auto begin : k_begin) {
    const auto at = pem.find(begin);
    if (at != std::string_view::npos) return pem.substr(at + begin.size());
  }
  return {};
}

Result<std::string> decoded(const JsonReader& reader, std::string_view key) {
  auto bytes = base64_decode(TRY(reader.get_string(key)));
  if (!bytes) return reader.wrong(key, "base64");
  return *std::move(bytes);
}

Result<std::string> derive_key(const JsonReader& kdf, std::string_view passphrase) {
  const auto params = TRY(kdf.find_object("params"));
  const auto name = TRY(kdf.get_string("name"));
  if (name != "scrypt" || !params) {
    return Error(Errc::unsupported, "its key derivation '" + printable(name) + "' is not scrypt");
  }
  const auto salt = TRY(decoded(kdf, "salt"));
  std::string key(k_key_bytes, '\0');
  if (EVP_PBE_scrypt(passphrase.data(), passphrase.size(), reinterpret_cast<const unsigned char*>(salt.data()),
                     salt.size(), TRY(params->get_uint("N")), TRY(params->get_uint("r")), TRY(params->get_uint("p")),
                     k_scrypt_limit_bytes, reinterpret_cast<unsigned char*>(key.data()), key.size()) != 1) {
    return Error(Errc::invalid, "the parameters of its key derivation are wrong or too large");
  }
  return key;
}

}  // namespace

std::optional<std::string> open_secretbox(std::string_view box, std::string_view nonce, std::string_view key) {
  if (key.size() != k_key_bytes || nonce.size() != k_nonce_bytes || box.size() < k_tag_bytes) return std::nullopt;
  const auto stream = stream_key(key, nonce);
  auto block = stream_block(stream, nonce, 0);
  const auto text = box.substr(k_tag_bytes);
  const auto tag = authenticator(std::string_view(block).substr(0, k_key_bytes), text);
  if (!tag || CRYPTO_memcmp(tag->data(), box.data(), k_tag_bytes) != 0) return std::nullopt;
  std::string opened;
  // The first half of the first block was the key of the authenticator.
  for (size_t i = 0, at = k_key_bytes; i < text.size(); ++i, ++at) {
    if (at % k_block_bytes == 0) block = stream_block(stream, nonce, at / k_block_bytes);
    opened +=
        static_cast<char>(static_cast<unsigned char>(text[i]) ^ static_cast<unsigned char>(block[at % k_block_bytes]));
  }
  return opened;
}

bool is_cosign_key(std::string_view pem) { return !armor_of(pem).empty(); }

Result<std::string> open_cosign_key(std::string_view pem, std::string_view passphrase) {
  if (pem.size() > k_pem_limit_bytes) return Error(Errc::invalid, "it is too long for a key");
  std::string base64;
  for (const auto& line : split(armor_of(pem), '\n')) {
    if (line.starts_with("-----END")) break;
    base64 += trim(line);
  }
  const auto text = base64_decode(base64);
  if (!text) return Error(Errc::invalid, "its PEM is damaged");
  const auto json = TRY(parse_json(*text, "the encrypted key"));
  const JsonReader reader(json, "the encrypted key");
  const auto kdf = TRY(reader.find_object("kdf"));
  const auto cipher = TRY(reader.find_object("cipher"));
  if (!kdf || !cipher) return Error(Errc::invalid, "it says no key derivation or no cipher");
  const auto name = TRY(cipher->get_string("name"));
  if (name != "nacl/secretbox") {
    return Error(Errc::unsupported, "its cipher '" + printable(name) + "' is not nacl/secretbox");
  }
  const auto key = TRY(derive_key(*kdf, passphrase));
  auto opened = open_secretbox(TRY(decoded(reader, "ciphertext")), TRY(decoded(*cipher, "nonce")), key);
  if (!opened) {
    return Error(Errc::permission, "the passphrase is not the key's")
        .with_hint("name a file that holds it: --sign-passphrase-file");
  }
  return *std::move(opened);
}

}  // namespace ctr::registry

#include "registry/cosign_key.h"

#include <openssl/evp.h>
#include <sodium/core.h>
#include <sodium/crypto_secretbox.h>

#include <optional>

#include "base/base64.h"
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

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

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
  std::string key(crypto_secretbox_KEYBYTES, '\0');
  if (EVP_PBE_scrypt(passphrase.data(), passphrase.size(), bytes_of(salt), salt.size(), TRY(params->get_uint("N")),
                     TRY(params->get_uint("r")), TRY(params->get_uint("p")), k_scrypt_limit_bytes, bytes_of(key),
                     key.size()) != 1) {
    return Error(Errc::invalid, "the parameters of its key derivation are wrong or too large");
  }
  return key;
}

// What secretbox has closed; nullopt unless key, nonce and the whole box fit.
std::optional<std::string> open_secretbox(std::string_view box, std::string_view nonce, std::string_view key) {
  // The library reads as many bytes of key and nonce as it wants.
  if (key.size() != crypto_secretbox_KEYBYTES || nonce.size() != crypto_secretbox_NONCEBYTES) return std::nullopt;
  if (box.size() < crypto_secretbox_MACBYTES) return std::nullopt;
  std::string opened(box.size() - crypto_secretbox_MACBYTES, '\0');
  if (crypto_secretbox_open_easy(bytes_of(opened), bytes_of(box), box.size(), bytes_of(nonce), bytes_of(key)) != 0) {
    return std::nullopt;
  }
  return opened;
}

}  // namespace

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
  if (::sodium_init() < 0) return Error(Errc::unsupported, "libsodium does not start");
  const auto key = TRY(derive_key(*kdf, passphrase));
  auto opened = open_secretbox(TRY(decoded(reader, "ciphertext")), TRY(decoded(*cipher, "nonce")), key);
  if (!opened) {
    return Error(Errc::permission, "the passphrase is not the key's")
        .with_hint("name a file that holds it: --sign-passphrase-file");
  }
  return *std::move(opened);
}

}  // namespace ctr::registry

#include "registry/jwe.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "base/json.h"
#include "base/text.h"
#include "registry/tokens.h"

namespace ctr::registry {
namespace {

constexpr size_t k_key_limit_bytes = size_t{64} << 10;
constexpr size_t k_content_key_bytes = 32;
// RFC 7518, 5.3: 96 bits of initialization vector, 128 bits of tag.
constexpr int k_vector_bytes = 12;
constexpr int k_tag_bytes = 16;
constexpr const char* k_algorithm = "RSA-OAEP";
constexpr const char* k_content_algorithm = "A256GCM";

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Deleter<EVP_CIPHER_CTX_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// base64url of RFC 4648 without padding, from and to the usual alphabet.
std::string encode_url(std::string_view bytes) {
  std::string text = base64_encode(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::optional<std::string> decode_url(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  return base64_decode(text);
}

Result<std::string> random_bytes(size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(bytes_of(bytes), static_cast<int>(count)) != 1) return Error(Errc::io, "there are no random numbers");
  return bytes;
}

Result<Bio> bio_of(std::string_view text) {
  if (text.size() > k_key_limit_bytes) return Error(Errc::invalid, "it is too long for a key");
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  CTR_ASSERT(bio);
  return bio;
}

// Libcrypto must not ask at the terminal.
int give_passphrase(char* buffer, int size, int /*writes*/, void* passphrase) {
  const auto& text = *static_cast<const std::string_view*>(passphrase);
  if (text.empty() || text.size() > static_cast<size_t>(size)) return -1;
  std::copy(text.begin(), text.end(), buffer);
  return static_cast<int>(text.size());
}

Result<void> check_kind(const Key& key) {
  if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA) return ok();
  return Error(Errc::unsupported, "it is no key of RSA");
}

Result<Key> read_public_key(std::string_view text) {
  const auto bio = TRY(bio_of(text));
  std::string_view none;
  Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, give_passphrase, &none));
  if (!key) {
    const auto again = TRY(bio_of(text));
    const Certificate certificate(PEM_read_bio_X509(again.get(), nullptr, give_passphrase, &none));
    if (certificate) key.reset(X509_get_pubkey(certificate.get()));
  }
  if (!key) return Error(Errc::invalid, "it holds no public key in PEM");
  TRY(check_kind(key));
  return key;
}

// RSA-OAEP of RFC 7518 hashes with SHA-1, as libcrypto does unless it is told otherwise.
Result<KeyContext> oaep(EVP_PKEY* key, int (*begin)(EVP_PKEY_CTX*), bool sha256) {
  KeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  CTR_ASSERT(context);
  const bool good = begin(context.get()) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
                    (!sha256 || (EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) == 1 &&
                                 EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) == 1));
  if (!good) return Error(Errc::unsupported, "libcrypto cannot use this key for RSA-OAEP");
  return context;
}

Result<std::string> encrypt_key(EVP_PKEY* key, std::string_view content_key) {
  const auto context = TRY(oaep(key, EVP_PKEY_encrypt_init, false));
  size_t size = 0;
  bool good = EVP_PKEY_encrypt(context.get(), nullptr, &size, bytes_of(content_key), content_key.size()) == 1;
  std::string encrypted(size, '\0');
  good = good &&
         EVP_PKEY_encrypt(context.get(), bytes_of(encrypted), &size, bytes_of(content_key), content_key.size()) == 1;
  if (!good) return Error(Errc::invalid, "the key is too short");
  encrypted.resize(size);
  return encrypted;
}

// Empty: it is not for this key.
Result<std::string> decrypt_key(EVP_PKEY* key, std::string_view encrypted, bool sha256) {
  const auto context = TRY(oaep(key, EVP_PKEY_decrypt_init, sha256));
  size_t size = 0;
  if (EVP_PKEY_decrypt(context.get(), nullptr, &size, bytes_of(encrypted), encrypted.size()) != 1) return std::string();
  std::string content_key(size, '\0');
  if (EVP_PKEY_decrypt(context.get(), bytes_of(content_key), &size, bytes_of(encrypted), encrypted.size()) != 1) {
    return std::string();
  }
  content_key.resize(size);
  return content_key;
}

struct Message {
  std::string protected_header;  // as it is written, which is what the tag covers
  std::string vector, content, tag;
  // For each recipient: algorithm and key.
  std::vector<std::pair<std::string, std::string>> keys;
};

Result<std::string> bytes_at(const JsonReader& reader, std::string_view key) {
  auto bytes = decode_url(TRY(reader.get_string(key)));
  if (!bytes) return reader.wrong(key, "base64url");
  return std::move(*bytes);
}

Result<std::string> algorithm_at(const JsonReader& owner, const std::string& fallback) {
  const auto header = TRY(owner.find_object("header"));
  return header ? TRY(header->string_or("alg", fallback)) : fallback;
}

Result<Message> parse(std::string_view text) {
  const Json document = TRY(parse_json(text, "the wrapped key"));
  const JsonReader reader(document, "the wrapped key");
  Message message;
  message.protected_header = TRY(reader.get_string("protected"));
  const auto header_text = decode_url(message.protected_header);
  if (!header_text) return reader.wrong("protected", "base64url");
  const Json header_json = TRY(parse_json(*header_text, "the header of the wrapped key"));
  const JsonReader header(header_json, "the header of the wrapped key");
  const auto content_algorithm = TRY(header.get_string("enc"));
  if (content_algorithm != k_content_algorithm || header.has("zip") || header.has("crit") || reader.has("aad")) {
    return Error(Errc::unsupported,
                 fmt::format("the key is wrapped in a way ('{}') that is not supported", printable(content_algorithm)));
  }
  const auto algorithm = TRY(header.string_or("alg", ""));
  message.vector = TRY(bytes_at(reader, "iv"));
  message.content = TRY(bytes_at(reader, "ciphertext"));
  message.tag = TRY(bytes_at(reader, "tag"));
  if (message.vector.size() != k_vector_bytes || message.tag.size() != k_tag_bytes) {
    return Error(Errc::invalid, "the wrapped key is damaged");
  }
  if (reader.has("encrypted_key")) {
    message.keys.emplace_back(TRY(algorithm_at(reader, algorithm)), TRY(bytes_at(reader, "encrypted_key")));
  }
  for (const auto& recipient : TRY(reader.elements("recipients"))) {
    message.keys.emplace_back(TRY(algorithm_at(recipient, algorithm)), TRY(bytes_at(recipient, "encrypted_key")));
  }
  return message;
}

// Errors: permission when the tag says that the key is another one, or the message was changed.
Result<std::string> open_content(const Message& message, const std::string& content_key) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  CTR_ASSERT(context);
  std::string plain(message.content.size() + EVP_MAX_BLOCK_LENGTH, '\0');
  std::string tag = message.tag;
  int size = 0, rest = 0, header_size = 0;
  const bool good =
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(std::string_view(content_key)),
                         bytes_of(std::string_view(message.vector))) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &header_size, bytes_of(std::string_view(message.protected_header)),
                        static_cast<int>(message.protected_header.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), bytes_of(plain), &size, bytes_of(std::string_view(message.content)),
                        static_cast<int>(message.content.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, k_tag_bytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), bytes_of(plain) + size, &rest) == 1;
  if (!good) return Error(Errc::permission, "the wrapped key was changed");
  plain.resize(static_cast<size_t>(size + rest));
  return plain;
}

}  // namespace

Result<std::string> wrap_for_key(std::string_view public_key, std::string_view plain) {
  const auto key = TRY(read_public_key(public_key));
  const auto content_key = TRY(random_bytes(k_content_key_bytes));
  const auto vector = TRY(random_bytes(k_vector_bytes));
  const auto header = encode_url(dump_json(Json::object().set("alg", k_algorithm).set("enc", k_content_algorithm)));
  const CipherContext context(EVP_CIPHER_CTX_new());
  CTR_ASSERT(context && plain.size() < INT_MAX / 2);
  std::string content(plain.size() + EVP_MAX_BLOCK_LENGTH, '\0');
  std::string tag(k_tag_bytes, '\0');
  int size = 0, rest = 0, header_size = 0;
  const bool good =
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(std::string_view(content_key)),
                         bytes_of(std::string_view(vector))) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &header_size, bytes_of(std::string_view(header)),
                        static_cast<int>(header.size())) == 1 &&
      EVP_EncryptUpdate(context.get(), bytes_of(content), &size, bytes_of(plain), static_cast<int>(plain.size())) ==
          1 &&
      EVP_EncryptFinal_ex(context.get(), bytes_of(content) + size, &rest) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, k_tag_bytes, tag.data()) == 1;
  if (!good) return Error(Errc::unsupported, "libcrypto cannot encrypt with AES-256-GCM");
  content.resize(static_cast<size_t>(size + rest));
  return dump_json(Json::object()
                       .set("protected", header)
                       .set("encrypted_key", encode_url(TRY(encrypt_key(key.get(), content_key))))
                       .set("iv", encode_url(vector))
                       .set("ciphertext", encode_url(content))
                       .set("tag", encode_url(tag)));
}

Result<UnwrapKey> UnwrapKey::open(std::string_view text, std::string_view passphrase) {
  const auto bio = TRY(bio_of(text));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_passphrase, &passphrase));
  if (!key) {
    const auto* begin = bytes_of(text);
    key.reset(d2i_AutoPrivateKey(nullptr, &begin, static_cast<long>(text.size())));
  }
  if (!key && text.find("ENCRYPTED") != std::string_view::npos) {
    return Error(Errc::permission, "its passphrase is missing or wrong")
        .with_hint("give it behind the name: KEY:pass=WORD or KEY:file=PATH");
  }
  if (!key) return Error(Errc::invalid, "it holds no private key in PEM or DER");
  TRY(check_kind(key));
  return UnwrapKey(key.release());
}

UnwrapKey::UnwrapKey(UnwrapKey&& other) noexcept : key_(std::exchange(other.key_, nullptr)) {}

UnwrapKey::~UnwrapKey() { EVP_PKEY_free(static_cast<EVP_PKEY*>(key_)); }

Result<std::string> UnwrapKey::unwrap(std::string_view text) const {
  const auto message = TRY(parse(text));
  auto* key = static_cast<EVP_PKEY*>(key_);
  for (const auto& [algorithm, encrypted] : message.keys) {
    const bool sha256 = algorithm == "RSA-OAEP-256";
    if (!sha256 && algorithm != k_algorithm) continue;
    const auto content_key = TRY(decrypt_key(key, encrypted, sha256));
    if (content_key.size() == k_content_key_bytes) return open_content(message, content_key);
  }
  return Error(Errc::permission, "it is wrapped for another key");
}

}  // namespace ctr::registry

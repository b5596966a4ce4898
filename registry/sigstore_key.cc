#include "registry/sigstore_key.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <climits>
#include <memory>

#include "registry/cosign_key.h"

namespace ctr::registry {
namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

constexpr size_t k_key_limit_bytes = size_t{64} << 10;

// An encrypted key must not make libcrypto ask at the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

Result<Bio> bio_of(std::string_view pem) {
  if (pem.size() > k_key_limit_bytes) return Error(Errc::invalid, "it is too long for a key");
  Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CTR_ASSERT(bio);
  return bio;
}

// Ed25519 hashes by itself.
Result<const EVP_MD*> hash_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
      return static_cast<const EVP_MD*>(nullptr);
    case EVP_PKEY_EC:
    case EVP_PKEY_RSA:
      return EVP_sha256();
    default:
      return Error(Errc::unsupported, "it is a key of another kind than ECDSA, RSA and Ed25519");
  }
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Result<Key> private_key(std::string_view pem) {
  const auto bio = TRY(bio_of(pem));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return Error(Errc::invalid, "it holds no private key in PEM that is not encrypted");
  return key;
}

// What cosign keeps in its own encryption is a key in PKCS #8.
Result<Key> open_private_key(std::string_view text, std::string_view passphrase) {
  if (!is_cosign_key(text)) return private_key(text);
  const auto der = TRY(open_cosign_key(text, passphrase));
  const auto* begin = bytes_of(der);
  Key key(d2i_AutoPrivateKey(nullptr, &begin, static_cast<long>(der.size())));
  if (!key) return Error(Errc::invalid, "what is encrypted in it is no private key");
  return key;
}

}  // namespace

Result<void> check_bare_signature(std::string_view pem, std::string_view document, std::string_view signature) {
  const auto bio = TRY(bio_of(pem));
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return Error(Errc::invalid, "it holds no public key in PEM");
  const auto* hash = TRY(hash_of(key.get()));
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  CTR_ASSERT(context);
  if (EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, key.get()) != 1) {
    return Error(Errc::unsupported, "libcrypto cannot check signatures with this key");
  }
  const int verified =
      EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(document), document.size());
  if (verified != 1) return Error(Errc::permission, "cryptographic signature verification failed");
  return ok();
}

Result<std::string> make_bare_signature(std::string_view pem, std::string_view passphrase, std::string_view document) {
  const auto key = TRY(open_private_key(pem, passphrase));
  const auto* hash = TRY(hash_of(key.get()));
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  CTR_ASSERT(context);
  size_t size = 0;
  const bool is_ready = EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key.get()) == 1 &&
                        EVP_DigestSign(context.get(), nullptr, &size, bytes_of(document), document.size()) == 1;
  std::string signature(size, '\0');
  if (!is_ready || EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                                  bytes_of(document), document.size()) != 1) {
    return Error(Errc::unsupported, "libcrypto cannot sign with this key");
  }
  signature.resize(size);
  return signature;
}

}  // namespace ctr::registry

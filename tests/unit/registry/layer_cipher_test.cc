#include "registry/layer_cipher.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <vector>

#include "registry/jwe.h"
#include "tests/catch.h"

namespace ctr::registry {

namespace {

struct KeyPair {
  std::string private_key, public_key;
};

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

KeyPair make_pair() {
  EVP_PKEY* key = EVP_RSA_gen(2048);
  REQUIRE(key != nullptr);
  BIO* secret = BIO_new(BIO_s_mem());
  BIO* open = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PrivateKey(secret, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  REQUIRE(PEM_write_bio_PUBKEY(open, key) == 1);
  EVP_PKEY_free(key);
  return {text_of(secret), text_of(open)};
}

std::pair<std::string, LayerSeal> turn(const LayerKey& key, LayerCipher::Direction direction, const std::string& text,
                                       size_t step) {
  auto cipher = LayerCipher::start(key, direction);
  REQUIRE(cipher);
  std::string out = text;
  for (size_t at = 0; at < out.size(); at += step) {
    const std::span<char> part(out.data() + at, std::min(step, out.size() - at));
    REQUIRE(cipher->update(std::as_writable_bytes(part)));
  }
  auto seal = cipher->finish();
  REQUIRE(seal);
  return {out, *seal};
}

}  // namespace

TEST_CASE("a layer that is encrypted in any steps opens in others, and its seal tells of changes") {
  const std::string plain(100'000, 'x');
  const auto key = make_layer_key(digest_of(plain));
  REQUIRE(key);
  auto [encrypted, seal] = turn(*key, LayerCipher::Direction::encrypt, plain, 4096);
  CHECK(encrypted != plain);
  const auto [opened, same] = turn(*key, LayerCipher::Direction::decrypt, encrypted, 777);
  CHECK(opened == plain);
  CHECK(is_same_seal(seal, same));
  encrypted[5000] = static_cast<char>(encrypted[5000] ^ 1);
  CHECK_FALSE(is_same_seal(seal, turn(*key, LayerCipher::Direction::decrypt, encrypted, 4096).second));
}

TEST_CASE("key and seal of a layer survive their documents") {
  const auto key = make_layer_key(digest_of("layer"));
  REQUIRE(key);
  const auto again = parse_layer_key(to_text(*key));
  REQUIRE(again);
  CHECK(again->key == key->key);
  CHECK(again->nonce == key->nonce);
  CHECK(again->digest == key->digest);
  const LayerSeal seal{std::string(32, 's')};
  const auto same = parse_layer_seal(to_text(seal));
  REQUIRE(same);
  CHECK(is_same_seal(seal, *same));
  CHECK_FALSE(parse_layer_seal(R"({"cipher": "AES_128"})"));
  CHECK_FALSE(parse_layer_seal(R"({"cipher": "AES_256_CTR_HMAC_SHA256"})"));
  CHECK_FALSE(parse_layer_seal(R"({"cipher": "AES_256_CTR_HMAC_SHA256", "hmac": "c2hvcnQ="})"));
  CHECK_FALSE(parse_layer_key(R"({"symkey": "c2hvcnQ=", "digest": "sha256:00"})"));
}

TEST_CASE("what is wrapped for a key opens with it alone, and not when it was changed") {
  const auto mine = make_pair();
  const auto other = make_pair();
  const auto message = wrap_for_key(mine.public_key, "the key of a layer");
  REQUIRE(message);
  const auto key = UnwrapKey::open(mine.private_key, "");
  REQUIRE(key);
  const auto opened = key->unwrap(*message);
  REQUIRE(opened);
  CHECK(*opened == "the key of a layer");
  const auto stranger = UnwrapKey::open(other.private_key, "");
  REQUIRE(stranger);
  const auto refused = stranger->unwrap(*message);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::permission);
  std::string changed = *message;
  auto& letter = changed[changed.find("\"ciphertext\":\"") + 14];
  letter = letter == 'A' ? 'B' : 'A';
  CHECK_FALSE(key->unwrap(changed));
  for (const char* wrong : {"", "{}", R"({"protected": "e30"})", R"({"protected": "!"})"})
    CHECK_FALSE(key->unwrap(wrong));
}

TEST_CASE("a key that cannot be used says why") {
  CHECK(wrap_for_key("no key", "x").error().code() == Errc::invalid);
  CHECK(UnwrapKey::open("no key", "").error().code() == Errc::invalid);
  EVP_PKEY* curve = EVP_EC_gen("P-256");
  BIO* bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PUBKEY(bio, curve) == 1);
  EVP_PKEY_free(curve);
  CHECK(wrap_for_key(text_of(bio), "x").error().code() == Errc::unsupported);
}

}  // namespace ctr::registry

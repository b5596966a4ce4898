// The low-level hash functions of OpenSSL are deprecated in favour of EVP, but EVP pulls the provider machinery (2 MiB
// and a slow first call) into a statically linked ctr; these are the same assembly without it.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/digest.h"

#include <openssl/sha.h>

#include <array>
#include <variant>

#include "base/text.h"

namespace ctr {
namespace {

constexpr std::string_view k_sha256 = "sha256";
constexpr std::string_view k_sha512 = "sha512";

}  // namespace

Result<Digest> Digest::parse(std::string_view text) {
  size_t colon = text.find(':');
  std::string_view algorithm = text.substr(0, colon);
  std::string_view hex = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (algorithm == k_sha256 && hex.size() == size_t{2} * SHA256_DIGEST_LENGTH && is_lower_hex(hex)) {
    return Digest(DigestAlgorithm::sha256, std::string(hex));
  }
  if (algorithm == k_sha512 && hex.size() == size_t{2} * SHA512_DIGEST_LENGTH && is_lower_hex(hex)) {
    return Digest(DigestAlgorithm::sha512, std::string(hex));
  }
  return Error(Errc::invalid, "'" + printable(text, 160) + "' is not a sha256 or sha512 digest");
}

std::string_view Digest::algorithm_name() const { return algorithm_ == DigestAlgorithm::sha256 ? k_sha256 : k_sha512; }

std::string Digest::to_string() const { return std::string(algorithm_name()) + ":" + hex_; }

struct Hasher::State {
  std::variant<SHA256_CTX, SHA512_CTX> context;
};

Hasher::Hasher(DigestAlgorithm algorithm) : state_(std::make_unique<State>()) {
  if (algorithm == DigestAlgorithm::sha256) {
    SHA256_Init(&state_->context.emplace<SHA256_CTX>());
  } else {
    SHA512_Init(&state_->context.emplace<SHA512_CTX>());
  }
}

Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(const void* bytes, size_t size) {
  if (auto* sha256 = std::get_if<SHA256_CTX>(&state_->context)) {
    SHA256_Update(sha256, bytes, size);
  } else {
    SHA512_Update(&std::get<SHA512_CTX>(state_->context), bytes, size);
  }
}

Digest Hasher::finish() {
  std::array<unsigned char, SHA512_DIGEST_LENGTH> raw{};
  bool is_sha256 = std::holds_alternative<SHA256_CTX>(state_->context);
  if (is_sha256) {
    SHA256_Final(raw.data(), &std::get<SHA256_CTX>(state_->context));
  } else {
    SHA512_Final(raw.data(), &std::get<SHA512_CTX>(state_->context));
  }
  std::string_view bytes(reinterpret_cast<const char*>(raw.data()),
                         is_sha256 ? SHA256_DIGEST_LENGTH : SHA512_DIGEST_LENGTH);
  return Digest(is_sha256 ? DigestAlgorithm::sha256 : DigestAlgorithm::sha512, to_hex(bytes));
}

Digest digest_of(std::string_view bytes, DigestAlgorithm algorithm) {
  Hasher hasher(algorithm);
  hasher.update(bytes);
  return hasher.finish();
}

}  // namespace ctr

// Content digests of the OCI image specification ("Descriptors: Digests").
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ctr {

enum class DigestAlgorithm { sha256, sha512 };

// algorithm:hex, checked before any use as a path or in a URL.
class Digest {
 public:
  // Errors: invalid unless ^sha256:[0-9a-f]{64}$ or ^sha512:[0-9a-f]{128}$.
  static Result<Digest> parse(std::string_view text);

  DigestAlgorithm algorithm() const { return algorithm_; }
  const std::string& hex() const { return hex_; }
  // "sha256" or "sha512".
  std::string_view algorithm_name() const;
  std::string to_string() const;
  bool operator==(const Digest&) const = default;
  auto operator<=>(const Digest&) const = default;

 private:
  friend class Hasher;
  Digest(DigestAlgorithm algorithm, std::string hex) : algorithm_(algorithm), hex_(std::move(hex)) {}
  DigestAlgorithm algorithm_;
  std::string hex_;
};

// Hashes a stream of bytes.
class [[nodiscard]] Hasher {
 public:
  explicit Hasher(DigestAlgorithm algorithm = DigestAlgorithm::sha256);
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();
  void update(const void* bytes, size_t size);
  void update(std::string_view bytes) { update(bytes.data(), bytes.size()); }
  // Ends the stream; the hasher must not be used afterwards.
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The digest of bytes that are all there.
Digest digest_of(std::string_view bytes, DigestAlgorithm algorithm = DigestAlgorithm::sha256);

}  // namespace ctr

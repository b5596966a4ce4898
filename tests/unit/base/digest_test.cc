#include "base/digest.h"

#include <string>

#include "tests/catch.h"

using ctr::Digest;
using ctr::DigestAlgorithm;

TEST_CASE("digests are those of FIPS 180-4") {
  CHECK(ctr::digest_of("abc").to_string() == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(ctr::digest_of("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(ctr::digest_of("abc", DigestAlgorithm::sha512).to_string() ==
        "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
        "454d4423643ce80e2a9ac94fa54ca49f");
}

TEST_CASE("a stream has the digest of its bytes, however they are cut") {
  std::string bytes(100'000, 'x');
  ctr::Hasher hasher;
  for (size_t at = 0; at < bytes.size(); at += 777) hasher.update(std::string_view(bytes).substr(at, 777));
  ctr::Hasher moved = std::move(hasher);
  CHECK(moved.finish() == ctr::digest_of(bytes));
}

TEST_CASE("only lower-case hex of the right length is a digest") {
  std::string hex64(64, 'a');
  CHECK(Digest::parse("sha256:" + hex64)->hex() == hex64);
  CHECK(Digest::parse("sha512:" + hex64 + hex64)->algorithm() == DigestAlgorithm::sha512);
  for (const std::string& bad :
       {std::string(), hex64, "sha256:" + std::string(63, 'a'), "sha256:" + std::string(65, 'a'),
        "sha256:" + std::string(64, 'A'), "sha512:" + hex64, "md5:" + hex64, "sha256:../../" + std::string(58, 'a'),
        "sha256:" + std::string(63, 'a') + "\n", "SHA256:" + hex64}) {
    CAPTURE(bad);
    CHECK_FALSE(Digest::parse(bad));
  }
}

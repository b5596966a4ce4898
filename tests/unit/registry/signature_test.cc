#include <cstdlib>
#include <string>

#include "base/base64.h"
#include "base/file.h"
#include "registry/cosign_key.h"
#include "registry/openpgp.h"
#include "registry/signature_claim.h"
#include "registry/signature_stores.h"
#include "registry/signed_identity.h"
#include "registry/sigstore_key.h"
#include "registry/tokens.h"
#include "tests/catch.h"
#include "tests/unit/registry/home.h"

using namespace ctr::registry;  // NOLINT(google-build-using-namespace): a test
using ctr::Errc;
using ctr::Json;
using ctr::JsonReader;

namespace {

const std::string k_digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

std::string claim(const std::string& type, const std::string& more = "", const std::string& optional = "{}") {
  return R"({"critical":{"type":")" + type + R"(","image":{"docker-manifest-digest":")" + k_digest +
         R"("},"identity":{"docker-reference":"quay.io/a:1"})" + more + R"(},"optional":)" + optional + "}";
}

bool identity_accepts(const std::string& identity, const std::string& image, const std::string& claimed) {
  const auto json = ctr::parse_json(identity, "identity");
  REQUIRE(json);
  const auto parsed = signed_identity_from_json(JsonReader(*json, "identity"));
  INFO((parsed ? "" : parsed.error().text()));
  REQUIRE(parsed);
  std::optional<ctr::oci::ImageReference> reference;
  if (!image.empty()) reference = *ctr::oci::parse_reference(image);
  return static_cast<bool>(check_identity(*parsed, reference, claimed));
}

std::string status_of(const std::string& lines) {
  const auto checked = check_gpg_status(lines);
  return checked ? "good" : checked.error().text();
}

const std::string k_good =
    "[GNUPG:] PLAINTEXT 62 1 p\n[GNUPG:] NEWSIG x\n[GNUPG:] GOODSIG 11AA x\n[GNUPG:] VALIDSIG 22BB\n";

}  // namespace

TEST_CASE("a signed document says exactly what is known, and is read back as it was written") {
  const std::string simple = "atomic container signature";
  const auto parsed = parse_claim(claim(simple), SignatureKind::simple);
  REQUIRE(parsed);
  CHECK(parsed->reference == "quay.io/a:1");
  CHECK(parsed->manifest.to_string() == k_digest);
  CHECK(parse_claim(claim(simple, "", R"({"creator":"x","timestamp":1,"other":[1]})"), SignatureKind::simple));
  CHECK(parse_claim(claim(simple, "", "null"), SignatureKind::simple));
  for (const auto kind : {SignatureKind::simple, SignatureKind::sigstore}) {
    const auto text = claim_document(*parsed, kind, "ctr 1", ctr::from_unix_seconds(5));
    const auto again = parse_claim(text, kind);
    REQUIRE(again);
    CHECK(*again == *parsed);
  }
}

TEST_CASE("a signed document that says more, less or something else is refused") {
  const std::string simple = "atomic container signature";
  CHECK_FALSE(parse_claim(claim(simple), SignatureKind::sigstore));
  CHECK_FALSE(parse_claim(claim("cosign container image signature"), SignatureKind::simple));
  CHECK_FALSE(parse_claim(claim(simple, R"(,"more":1)"), SignatureKind::simple));
  CHECK_FALSE(parse_claim(claim(simple, R"(,"type":"atomic container signature")"), SignatureKind::simple));
  CHECK_FALSE(parse_claim(claim(simple, "", R"({"timestamp":"1"})"), SignatureKind::simple));
  CHECK_FALSE(parse_claim(claim(simple, "", "[]"), SignatureKind::simple));
  for (const std::string text : {"", "{}", "[]", R"({"critical":{},"optional":{}})", "{\"critical\":null}"}) {
    CHECK_FALSE(parse_claim(text, SignatureKind::simple));
  }
  auto damaged = claim(simple);
  damaged.replace(damaged.find("sha256:"), 8, "sha256:Z");
  CHECK_FALSE(parse_claim(damaged, SignatureKind::simple));
}

TEST_CASE("the identities of containers-policy.json accept what they name") {
  const std::string by_default = R"({"type":"matchRepoDigestOrExact"})";
  CHECK(identity_accepts(by_default, "quay.io/a:1", "quay.io/a:1"));
  CHECK_FALSE(identity_accepts(by_default, "quay.io/a:1", "quay.io/a:2"));
  CHECK_FALSE(identity_accepts(by_default, "quay.io/a:1", "quay.io/a"));
  CHECK_FALSE(identity_accepts(by_default, "quay.io/a:1", "quay.io/b:1"));
  CHECK(identity_accepts(by_default, "quay.io/a@" + k_digest, "quay.io/a:7"));
  CHECK_FALSE(identity_accepts(by_default, "quay.io/a@" + k_digest, "quay.io/b:7"));
  CHECK(identity_accepts(by_default, "quay.io/a:7@" + k_digest, "quay.io/a:7"));
  CHECK_FALSE(identity_accepts(by_default, "quay.io/a:7@" + k_digest, "quay.io/b:7"));
  CHECK_FALSE(identity_accepts(by_default, "", "quay.io/a:1"));
  CHECK(identity_accepts(by_default, "docker.io/library/a:1", "a:1"));
  CHECK(identity_accepts(R"({"type":"matchExact"})", "quay.io/a:1", "quay.io/a:1"));
  CHECK_FALSE(identity_accepts(R"({"type":"matchExact"})", "quay.io/a@" + k_digest, "quay.io/a:1"));
  CHECK(identity_accepts(R"({"type":"matchRepository"})", "quay.io/a:1", "quay.io/a:9"));
  CHECK(identity_accepts(R"({"type":"matchRepository"})", "quay.io/a:1", "quay.io/a"));
  CHECK_FALSE(identity_accepts(R"({"type":"matchRepository"})", "quay.io/a:1", "quay.io/a/b:1"));
  const std::string exact = R"({"type":"exactReference","dockerReference":"x.io/y:1"})";
  CHECK(identity_accepts(exact, "quay.io/a:1", "x.io/y:1"));
  CHECK(identity_accepts(exact, "", "x.io/y:1"));
  CHECK_FALSE(identity_accepts(exact, "x.io/y:1", "x.io/y:2"));
  CHECK(identity_accepts(R"({"type":"exactRepository","dockerRepository":"x.io/y"})", "", "x.io/y:5"));
  const std::string remap = R"({"type":"remapIdentity","prefix":"mirror.io/p","signedPrefix":"quay.io/q"})";
  CHECK(identity_accepts(remap, "mirror.io/p/a:1", "quay.io/q/a:1"));
  CHECK(identity_accepts(remap, "mirror.io/p:1", "quay.io/q:1"));
  CHECK_FALSE(identity_accepts(remap, "mirror.io/px/a:1", "quay.io/qx/a:1"));
  CHECK(identity_accepts(remap, "other.io/a:1", "other.io/a:1"));
}

TEST_CASE("an identity that is not understood as a whole is refused") {
  for (const std::string text :
       {R"({})", R"({"type":"maybe"})", R"({"type":"matchExact","more":1})", R"({"type":"exactReference"})",
        R"({"type":"exactReference","dockerReference":"a"})", R"({"type":"exactRepository","dockerRepository":"a:1"})",
        R"({"type":"remapIdentity","prefix":"a"})"}) {
    INFO(text);
    const auto json = *ctr::parse_json(text, "identity");
    CHECK_FALSE(signed_identity_from_json(JsonReader(json, "identity")));
  }
}

TEST_CASE("only one good signature over one document is accepted of gpgv") {
  CHECK(status_of(k_good) == "good");
  CHECK(status_of("") == "Invalid GPG signature: it is not one signed document");
  CHECK(status_of(k_good + k_good) != "good");
  CHECK(status_of(k_good + "[GNUPG:] PLAINTEXT 62 1 q\n") != "good");
  CHECK(status_of(k_good + "[GNUPG:] ERRSIG 33CC\n") != "good");
  CHECK(status_of("[GNUPG:] NEWSIG\n[GNUPG:] NO_PUBKEY 33CC\n") == "Signature by key 33CC is not accepted");
  CHECK(status_of("[GNUPG:] REVKEYSIG 33CC x\n[GNUPG:] VALIDSIG 22BB\n") ==
        "Invalid GPG signature: key 33CC is revoked");
  CHECK(status_of("[GNUPG:] EXPKEYSIG 33CC x\n") == "Invalid GPG signature: key 33CC has expired");
  // Words of a log are not reports.
  CHECK(status_of("gpgv: Good signature\nGOODSIG\n") != "good");
}

TEST_CASE("armored keys are packets, one block behind the other") {
  const std::string block =
      "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\nmQENBF\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n";
  const auto one = dearmor_keys(block);
  REQUIRE(one);
  CHECK(*one == *ctr::base64_decode("mQENBF"));
  CHECK(*dearmor_keys(block + block) == *one + *one);
  CHECK(*dearmor_keys(*one) == *one);
  CHECK_FALSE(dearmor_keys(""));
  CHECK_FALSE(dearmor_keys("not a key"));
  CHECK_FALSE(dearmor_keys("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBF\n"));
}

TEST_CASE("a file of registries.d is mappings of texts, and what is wrong with it is told with its line") {
  SignatureStores stores;
  const auto merged = merge_signature_stores(
      stores,
      "# comment\ndefault-docker:\n  lookaside: file:///a # b\ndocker:\n    'x.io:5000':\n"
      "        lookaside: \"https://x/y\"\n        use-sigstore-attachments: yes\n    y.io: {}\n    z.io:\n",
      "f.yaml");
  INFO((merged ? "" : merged.error().text()));
  REQUIRE(merged);
  CHECK(stores.fallback.lookaside == "file:///a");
  CHECK(stores.scopes.at("x.io:5000").lookaside == "https://x/y");
  CHECK(stores.scopes.at("x.io:5000").attachments == true);
  CHECK(stores.scopes.at("z.io") == SignaturePlace{});
  const auto refused = [](const std::string& text) {
    SignatureStores none;
    const auto read = merge_signature_stores(none, text, "f.yaml");
    return read ? "" : read.error().text();
  };
  CHECK(refused("").empty());
  CHECK(refused("docker:\n  localhost:5000:\n    lookaside: no\n").empty());
  for (const std::string text :
       {"- a\n", "docker: [1]\n", "docker:\n\ta: c\n", "a\n", "docker: 'b\n", "docker: b: c\n", "docker:\ndocker:\n",
        "  docker:\ndocker:\n", "docker: 'b' c\n", "? [a]\n", "docker:\n---\ndocker:\n"}) {
    INFO(text);
    CHECK_FALSE(refused(text).empty());
  }
  CHECK(refused("docker:\n  b: [x]\n") == "f.yaml:2: 'b' is not a mapping");
  CHECK(refused("default-docker:\n  lookaside: [x]\n") == "f.yaml:2: 'lookaside' is not a text");
  CHECK(refused("\ndefault-docker:\n  lookasidd: x\n") == "f.yaml:3: 'lookasidd' of 'default-docker' is not known");
}

TEST_CASE("signatures are where the most exact namespace of registries.d says") {
  const ctr::test::TemporaryHome home;
  const ConfigRoots roots{.etc = home.path() + "/etc", .etc_docker = ""};
  const auto image = *ctr::oci::parse_reference("x.io:5000/a/b:1");
  CHECK(places_of(*load_signature_stores(home.paths(), 0, roots), image).read == "file:///var/lib/containers/sigstore");
  home.write("etc/registries.d/a.yaml", "default-docker:\n  sigstore: file:///old\n  lookaside-staging: file:///s\n");
  home.write("etc/registries.d/b.yaml",
             "docker:\n  x.io:5000/a:\n    lookaside: https://sig/a\n  x.io:5000:\n"
             "    lookaside: https://no\n    use-sigstore-attachments: true\n");
  const auto places = places_of(*load_signature_stores(home.paths(), 1, roots), image);
  CHECK(places.read == "https://sig/a");
  CHECK(places.write == "https://sig/a");
  CHECK(places.attachments);
  CHECK(lookaside_of_scope(*load_signature_stores(home.paths(), 1, roots), "x.io:5000/a/b") == "https://sig/a");
  CHECK(lookaside_of_scope(*load_signature_stores(home.paths(), 1, roots), "default") == "file:///old");
  const auto other = places_of(*load_signature_stores(home.paths(), 1, roots), *ctr::oci::parse_reference("y.io/a:1"));
  CHECK(other.read == "file:///old");
  CHECK(other.write == "file:///s");
  CHECK_FALSE(other.attachments);
  home.write("etc/registries.d/c.yaml", "default-docker:\n  lookaside: file:///twice\n");
  CHECK_FALSE(load_signature_stores(home.paths(), 1, roots));
  SignatureStores stores;
  CHECK_FALSE(merge_signature_stores(stores, "default-docker:\n  lookasidd: x\n", "f"));
  CHECK_FALSE(merge_signature_stores(stores, "default-docker:\n  use-sigstore-attachments: maybe\n", "f"));
  CHECK_FALSE(merge_signature_stores(stores, "dokker:\n  a: b\n", "f"));
}

TEST_CASE("an encrypted key opens with its passphrase only, and not when it is damaged") {
  const char* root = std::getenv("CTR_SOURCE_ROOT");
  const std::string dir = std::string(root == nullptr ? "." : root) + "/tests/cli/keys/";
  const auto pem = *ctr::read_file(dir + "cosign.key", 4096);
  REQUIRE(is_cosign_key(pem));
  const auto signature = make_bare_signature(pem, "passphrase", "document");
  INFO((signature ? "" : signature.error().text()));
  REQUIRE(signature);
  CHECK(check_bare_signature(*ctr::read_file(dir + "cosign.pub", 4096), "document", *signature));
  CHECK(open_cosign_key(pem, "another").error().code() == Errc::permission);

  // The same key with another text inside of its armor.
  const std::string begin = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n";
  auto base64 = pem.substr(pem.find('\n'), pem.rfind("-----END") - pem.find('\n'));
  std::erase(base64, '\n');
  const auto json = *ctr::base64_decode(base64);
  const auto changed = [&](const std::string& from, const std::string& to) {
    auto text = json;
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    return open_cosign_key(begin + ctr::base64_encode(text) + "\n-----END\n", "passphrase");
  };
  CHECK(changed("nacl", "nacl"));
  CHECK(changed(R"("ciphertext":"verH)", R"("ciphertext":"verI)").error().code() == Errc::permission);
  CHECK(changed("eTwZSPdJ", "eTwZSPdK").error().code() == Errc::permission);
  CHECK_FALSE(changed(R"("nonce":"kN8D)", R"("nonce":")"));
  CHECK_FALSE(changed(R"("ciphertext":")", R"("ciphertext":"","other":")"));
  CHECK_FALSE(changed("secretbox", "other"));
  CHECK_FALSE(changed("scrypt", "other"));
  CHECK_FALSE(changed(R"("N":32768)", R"("N":1073741824)"));
  CHECK_FALSE(open_cosign_key(begin + "AAAA\n", "x"));
}

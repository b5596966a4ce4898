#include <string>

#include "registry/cosign_key.h"
#include "registry/openpgp.h"
#include "registry/signature_claim.h"
#include "registry/signature_stores.h"
#include "registry/signed_identity.h"
#include "registry/sigstore_key.h"
#include "registry/tokens.h"
#include "registry/yaml.h"
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
  CHECK(*one == *base64_decode("mQENBF"));
  CHECK(*dearmor_keys(block + block) == *one + *one);
  CHECK(*dearmor_keys(*one) == *one);
  CHECK_FALSE(dearmor_keys(""));
  CHECK_FALSE(dearmor_keys("not a key"));
  CHECK_FALSE(dearmor_keys("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBF\n"));
}

TEST_CASE("registries.d is read in the part of YAML that it is written in") {
  const auto json = parse_yaml(
      "# comment\ndefault-docker:\n  lookaside: file:///a # b\ndocker:\n    'x.io:5000':\n"
      "        lookaside: \"https://x/y\"\n    y.io: {}\n    z.io:\n",
      "f.yaml");
  INFO((json ? "" : json.error().text()));
  REQUIRE(json);
  CHECK(json->find("default-docker")->find("lookaside")->as_string() == "file:///a");
  CHECK(json->find("docker")->find("x.io:5000")->find("lookaside")->as_string() == "https://x/y");
  CHECK(json->find("docker")->find("z.io")->is_null());
  CHECK(parse_yaml("", "f.yaml")->is_null());
  CHECK(parse_yaml("localhost:5000:\n  a: b\n", "f.yaml")->find("localhost:5000")->find("a")->as_string() == "b");
  for (const std::string text :
       {"- a\n", "a: [1]\n", "a: &x b\n", "a: |\n  b\n", "a:\n\tb: c\n", "a: b\n  c: d\n", "a\n", "a: 'b\n",
        "a: b: c\n", "a: 1\na: 2\n", "  a: b\nc: d\n", "a: 'b' c\n", "? a\n"}) {
    INFO(text);
    CHECK_FALSE(parse_yaml(text, "f.yaml"));
  }
  CHECK(parse_yaml("a:\n  b: [x]\n", "f.yaml").error().text() == "f.yaml:2: only mappings of texts are supported");
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

// The example of "Cryptography in NaCl", sections 8 to 10.
TEST_CASE("a box of secretbox opens with its key and nonce only") {
  const auto hex = [](std::string_view text) {
    std::string bytes;
    for (size_t i = 0; i < text.size(); i += 2)
      bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
    return bytes;
  };
  const auto key = hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
  const auto nonce = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
  auto box = hex(
      "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b"
      "4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da"
      "99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5");
  const auto opened = open_secretbox(box, nonce, key);
  REQUIRE(opened);
  CHECK(*opened ==
        hex("be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc"
            "3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb"
            "48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705"));
  box.back() = static_cast<char>(box.back() ^ 1);
  CHECK_FALSE(open_secretbox(box, nonce, key));
  CHECK_FALSE(open_secretbox("short", nonce, key));
  CHECK_FALSE(open_cosign_key("-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\nAAAA\n", "x"));
}

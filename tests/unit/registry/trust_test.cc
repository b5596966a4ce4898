#include "registry/trust.h"

#include <string>

#include "tests/catch.h"
#include "tests/unit/registry/home.h"

using namespace ctr::registry;  // NOLINT(google-build-using-namespace): a test
using ctr::Errc;

namespace {

TrustPolicy policy_of(const std::string& text) {
  const auto policy = parse_trust_policy(text, "policy.json");
  INFO((policy ? "" : policy.error().text()));
  REQUIRE(policy);
  return *policy;
}

bool accepts(const TrustPolicy& policy, const std::string& image) {
  return static_cast<bool>(demand_of(policy, *ctr::oci::parse_reference(image)));
}

const std::string k_accept = R"([{"type":"insecureAcceptAnything"}])";
const std::string k_reject = R"([{"type":"reject"}])";

}  // namespace

TEST_CASE("the most exact scope decides") {
  const auto policy =
      policy_of(R"({"default":)" + k_reject + R"(,"transports":{"docker":{"quay.io":)" + k_accept +
                R"(,"quay.io/bad":)" + k_reject + R"(,"quay.io/bad/good":)" + k_accept + R"(,"quay.io/a:evil":)" +
                k_reject + R"(,"*.corp.io":)" + k_accept + R"(},"dir":{"":)" + k_accept + "}}}");
  CHECK(accepts(policy, "quay.io/a:1"));
  CHECK_FALSE(accepts(policy, "quay.io/a:evil"));
  CHECK_FALSE(accepts(policy, "quay.io/bad/x:1"));
  CHECK(accepts(policy, "quay.io/bad/good:1"));
  CHECK_FALSE(accepts(policy, "docker.io/library/a:1"));
  CHECK(accepts(policy, "x.y.corp.io/a:1"));
  CHECK_FALSE(accepts(policy, "corp.io/a:1"));
}

TEST_CASE("a rejection and a demanded signature are different errors") {
  const auto image = *ctr::oci::parse_reference("quay.io/a:1");
  const auto rejected = demand_of(policy_of(R"({"default":)" + k_reject + "}"), image);
  CHECK(rejected.error().code() == Errc::permission);
  CHECK(rejected.error().message() ==
        "Source image rejected: Running image docker://quay.io/a:1 is rejected by policy");
  const auto policy = policy_of(
      R"({"default":[{"type":"insecureAcceptAnything"},{"type":"signedBy","keyType":"GPGKeys","keyPath":"/k"}]})");
  const auto demand = demand_of(policy, image);
  REQUIRE(demand);
  REQUIRE(demand->signatures.size() == 1);
  CHECK(demand->signatures.front().kind == Requirement::Kind::signed_by);
  CHECK(demand->signatures.front().key_paths == std::vector<std::string>{"/k"});
  CHECK(demand_of(policy_of(R"({"default":)" + k_accept + "}"), image)->signatures.empty());
}

TEST_CASE("the keys of a demanded signature are named in one way, and what cannot be checked is known by name") {
  const auto one = [](const std::string& members) {
    return parse_trust_policy(R"({"default":[{"type":)" + members + "}]}", "policy.json");
  };
  const std::string gpg = R"("signedBy","keyType":"GPGKeys")";
  CHECK(one(gpg + R"(,"keyPaths":["/a","/b"])")->fallback.front().key_paths.size() == 2);
  CHECK(one(gpg + R"(,"keyData":"YWJj")")->fallback.front().key_data == std::vector<std::string>{"abc"});
  CHECK(one(gpg + R"(,"keyPath":"/a","signedIdentity":{"type":"matchRepository"})"));
  for (const std::string more :
       {"", R"(,"keyPath":"/a","keyData":"YWJj")", R"(,"keyPaths":[])", R"(,"keyData":"!")",
        R"(,"keyPath":"/a","more":1)", R"(,"keyPath":"/a","signedIdentity":{"type":"x"})", R"(,"fulcio":{})"}) {
    INFO(more);
    CHECK_FALSE(one(gpg + more));
  }
  CHECK_FALSE(one(R"("signedBy","keyPath":"/a")"));
  CHECK_FALSE(one(R"("signedBy","keyType":"x","keyPath":"/a")"));
  CHECK(one(R"("sigstoreSigned","keyPath":"/a")")->fallback.front().unsupported.empty());
  CHECK(one(R"("sigstoreSigned","fulcio":{})")->fallback.front().unsupported == "fulcio");
  CHECK(one(R"("sigstoreSigned","keyPath":"/a","rekorPublicKeyPath":"/b")")->fallback.front().unsupported ==
        "rekorPublicKeyPath");
}

TEST_CASE("a policy that cannot be read as a whole is refused") {
  for (const std::string text :
       {"", "[]", "{}", R"({"default":[]})", R"({"default":{}})", R"({"default":[{}]})",
        R"({"default":[{"type":"maybe"}]})", R"({"default":[{"type":"reject","x":1}]})",
        R"({"default":[{"type":"reject"}],"extra":1})", R"({"default":[{"type":"reject"}],"transports":{"docker":[]}})",
        R"({"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]})"}) {
    INFO(text);
    CHECK_FALSE(parse_trust_policy(text, "policy.json"));
  }
}

TEST_CASE("the user's policy replaces the system's; without either everything is accepted") {
  const ctr::test::TemporaryHome home;
  const ConfigRoots roots{.etc = home.path() + "/etc", .etc_docker = ""};
  CHECK(accepts(*load_trust_policy(home.paths(), roots), "quay.io/a:1"));
  home.write("etc/policy.json", R"({"default":)" + k_reject + "}");
  CHECK_FALSE(accepts(*load_trust_policy(home.paths(), roots), "quay.io/a:1"));
  home.write(".config/containers/policy.json", R"({"default":)" + k_accept + "}");
  CHECK(accepts(*load_trust_policy(home.paths(), roots), "quay.io/a:1"));
}

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
  return static_cast<bool>(check_trust(policy, *ctr::oci::parse_reference(image)));
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
  const auto rejected = check_trust(policy_of(R"({"default":)" + k_reject + "}"), image);
  CHECK(rejected.error().code() == Errc::permission);
  CHECK(rejected.error().message() ==
        "Source image rejected: Running image docker://quay.io/a:1 is rejected by policy");
  const auto signed_by =
      check_trust(policy_of(R"({"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/k"}]})"), image);
  CHECK(signed_by.error().code() == Errc::unsupported);
  CHECK_FALSE(
      check_trust(policy_of(R"({"default":[{"type":"insecureAcceptAnything"},{"type":"sigstoreSigned"}]})"), image));
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

#include "registry/trust_edit.h"

#include <unistd.h>

#include <filesystem>

#include "registry/trust.h"
#include "tests/catch.h"
#include "tests/unit/registry/home.h"

using namespace ctr::registry;  // NOLINT(google-build-using-namespace): a test

namespace {

constexpr const char* k_policy =
    R"({"default":[{"type":"reject"}],"transports":{"docker":{"quay.io/b":[{"type":"signedBy","keyType":"GPGKeys",)"
    R"("keyPath":"/k"}],"quay.io/a":[{"type":"insecureAcceptAnything"}]},"dir":{"":[{"type":"reject"}]}}})";

}  // namespace

TEST_CASE("the rows of a policy are sorted, the default first") {
  const auto rows = trust_rows(k_policy, "policy.json", "");
  REQUIRE(rows);
  REQUIRE(rows->size() == 4);
  CHECK((*rows)[0] == TrustRow{"all", "* (default)", "default", "reject", ""});
  CHECK((*rows)[1] == TrustRow{"dir", "", "", "reject", ""});
  CHECK((*rows)[2] == TrustRow{"repository", "quay.io/a", "quay.io/a", "accept", ""});
  CHECK((*rows)[3] == TrustRow{"repository", "quay.io/b", "quay.io/b", "signed", "/k"});
  CHECK(trust_rows(k_policy, "policy.json", "quay.io/a")->size() == 2);
  CHECK(trust_rows(k_policy, "policy.json", "quay.io")->size() == 3);
}

TEST_CASE("a changed policy demands what was asked and keeps the rest") {
  const auto changed = change_trust(k_policy, "policy.json", {"quay.io/b", "accept", {}});
  REQUIRE(changed);
  const auto policy = parse_trust_policy(*changed, "policy.json");
  REQUIRE(policy);
  CHECK(policy->docker_scopes.at("quay.io/b") == Requirements{Requirement{}});
  CHECK(policy->docker_scopes.at("quay.io/a") == Requirements{Requirement{}});
  CHECK(policy->fallback ==
        Requirements{Requirement{
            .kind = Requirement::Kind::reject, .key_paths = {}, .key_data = {}, .identity = {}, .unsupported = {}}});
  const auto fresh = change_trust("", "policy.json", {"default", "accept", {}});
  REQUIRE(fresh);
  CHECK(*fresh ==
        "{\n    \"default\": [\n        {\n            \"type\": \"insecureAcceptAnything\"\n        }\n    ]\n}\n");
  const auto with_keys = change_trust(*fresh, "policy.json", {"x.io", "signedBy", {"/a", "/b"}});
  REQUIRE(with_keys);
  CHECK(parse_trust_policy(*with_keys, "")->docker_scopes.at("x.io").size() == 2);
}

TEST_CASE("a change that makes no sense is refused, in podman's words") {
  const auto why = [](const TrustChange& change, const char* policy) {
    const auto changed = change_trust(policy, "policy.json", change);
    return changed ? "accepted" : changed.error().message();
  };
  CHECK(why({"x.io", "accept", {}}, "") == "default trust policy must be set");
  CHECK(why({"x.io", "accept", {"/k"}}, k_policy) == "1 public keys unexpectedly provided for trust type accept");
  CHECK(why({"x.io", "signedBy", {}}, k_policy) == "at least one public key must be defined for type 'signedBy'");
  CHECK(why({"x.io", "maybe", {}}, k_policy) == "unknown trust type \"maybe\"");
}

TEST_CASE("an image in a file obeys the policy of its path") {
  const auto policy = parse_trust_policy(
      R"({"default":[{"type":"reject"}],"transports":{"oci":{"/srv/good":[{"type":"insecureAcceptAnything"}]},)"
      R"("docker-archive":{"":[{"type":"insecureAcceptAnything"}],"/x":[{"type":"reject"}]}}})",
      "policy.json");
  REQUIRE(policy);
  CHECK(demand_of(*policy, "oci", "/srv/good/layout"));
  CHECK_FALSE(demand_of(*policy, "oci", "/srv/goodness"));
  CHECK_FALSE(demand_of(*policy, "dir", "/srv/good"));
  CHECK(demand_of(*policy, "docker-archive", "/x"));
  CHECK(demand_of(*policy, "docker-archive", ""));
}

TEST_CASE("a link brings no image under the policy of another directory") {
  const ctr::test::TemporaryHome home;
  const auto path = std::filesystem::canonical(home.path()).string();
  home.write("good/image", "");
  home.write("other/image", "");
  REQUIRE(::symlink((path + "/other").c_str(), (path + "/good/link").c_str()) == 0);
  const auto policy = parse_trust_policy(R"({"default":[{"type":"reject"}],"transports":{"oci":{")" + path +
                                             R"(/good":[{"type":"insecureAcceptAnything"}]}}})",
                                         "policy.json");
  REQUIRE(policy);
  CHECK(demand_of(*policy, "oci", path + "/good/image"));
  CHECK_FALSE(demand_of(*policy, "oci", path + "/good/link/image"));
}

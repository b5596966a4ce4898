#include "engine/list_document.h"

#include "base/oci/manifest.h"
#include "tests/catch.h"

namespace ctr::engine {

namespace {

Json entry(const std::string& what, const std::string& architecture) {
  return oci::to_json(oci::Descriptor{.media_type = "application/vnd.oci.image.manifest.v1+json",
                                      .digest = digest_of(what),
                                      .size_bytes = 7,
                                      .platform = oci::Platform{"linux", architecture, ""},
                                      .annotations = {}});
}

oci::ImageIndex parsed(const std::string& list) {
  const auto document = oci::parse_manifest(list, "");
  REQUIRE(document);
  return std::get<oci::ImageIndex>(*document);
}

}  // namespace

TEST_CASE("an empty list is an index that registries take") {
  CHECK(empty_list() == R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})");
}

TEST_CASE("an image is in a list once, and can be taken out again") {
  auto list = put_member(empty_list(), entry("a", "amd64"));
  list = put_member(*list, entry("b", "arm64"));
  list = put_member(*list, entry("a", "riscv64"));
  REQUIRE(list);
  CHECK(list_members(*list).value() == std::vector{digest_of("a"), digest_of("b")});
  CHECK(parsed(*list).manifests[0].platform->architecture == "riscv64");
  const auto shorter = remove_member(*list, digest_of("a"));
  REQUIRE(shorter);
  CHECK(list_members(*shorter).value() == std::vector{digest_of("b")});
  CHECK(remove_member(*shorter, digest_of("a")).error().code() == Errc::not_found);
}

TEST_CASE("annotating changes what is said and keeps the rest, also what ctr does not know") {
  const std::string list =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","x":[1],"manifests":[)"
      R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
      digest_of("a").to_string() +
      R"(","size":7,"urls":["u"],"annotations":{"k":"v"},"platform":{"architecture":"arm","os":"linux","y":"z"}}]})";
  ListMember change;
  change.variant = "v7";
  change.features = {"neon"};
  change.os_version = "1";
  change.annotations = {{"n", "w"}};
  const auto changed = change_member(list, digest_of("a"), change);
  REQUIRE(changed);
  CHECK(*changed ==
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","x":[1],"manifests":[)"
        R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
            digest_of("a").to_string() +
            R"(","size":7,"urls":["u"],"annotations":{"k":"v","n":"w"},"platform":{"architecture":"arm","os":"linux",)"
            R"("y":"z","os.version":"1","variant":"v7","features":["neon"]}}]})");
  CHECK(change_member(list, digest_of("b"), change).error().message() ==
        "no instance matching digest \"" + digest_of("b").to_string() +
            "\" found in manifest list: file does not exist");
}

TEST_CASE("an image that is pushed in another form keeps its platform in the list") {
  const auto list = put_member(empty_list(), entry("a", "arm64"));
  const oci::Descriptor other{.media_type = "application/vnd.docker.distribution.manifest.v2+json",
                              .digest = digest_of("b"),
                              .size_bytes = 9,
                              .platform = {},
                              .annotations = {}};
  const auto replaced = replace_member(*list, digest_of("a"), other);
  REQUIRE(replaced);
  const auto index = parsed(*convert_list(*replaced, false));
  CHECK(index.media_type == "application/vnd.docker.distribution.manifest.list.v2+json");
  CHECK(index.manifests[0].digest == digest_of("b"));
  CHECK(index.manifests[0].platform->architecture == "arm64");
}

TEST_CASE("an image in another compression stands behind the others, with the same platform") {
  const auto list = put_member(empty_list(), entry("a", "arm64"));
  const oci::Descriptor zstd{.media_type = "application/vnd.oci.image.manifest.v1+json",
                             .digest = digest_of("z"),
                             .size_bytes = 9,
                             .platform = {},
                             .annotations = {}};
  CHECK_FALSE(has_variant(*list, digest_of("a"), "zstd").value());
  const auto both = add_variant(*list, digest_of("a"), zstd, "zstd");
  REQUIRE(both);
  CHECK(has_variant(*both, digest_of("a"), "zstd").value());
  const auto index = parsed(*both);
  REQUIRE(index.manifests.size() == 2);
  CHECK(index.manifests[1].digest == digest_of("z"));
  CHECK(index.manifests[1].platform == index.manifests[0].platform);
  CHECK(index.manifests[1].annotations.at("io.github.containers.compression.zstd") == "true");
  CHECK_FALSE(add_variant(*list, digest_of("b"), zstd, "zstd"));
}

TEST_CASE("a document that names no images is no list") {
  CHECK_FALSE(list_members("{}"));
  CHECK_FALSE(put_member("[", Json()));
  CHECK_FALSE(list_members(R"({"manifests":[{"digest":"x"}]})"));
}

}  // namespace ctr::engine

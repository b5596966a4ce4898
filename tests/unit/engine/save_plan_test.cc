#include "engine/save_plan.h"

#include "tests/catch.h"

namespace ctr::engine {

namespace {

oci::Descriptor blob(std::string_view content, std::string media_type) {
  return {.media_type = std::move(media_type),
          .digest = digest_of(content),
          .size_bytes = content.size(),
          .platform = {},
          .annotations = {}};
}

// Two layers: one gzip, one uncompressed.
SavedImage make_image(std::vector<std::string> names) {
  oci::Manifest manifest{.media_type = "application/vnd.docker.distribution.manifest.v2+json",
                         .config = blob("config", "application/vnd.docker.container.image.v1+json"),
                         .layers = {blob("gzipped", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
                                    blob("plain", "application/vnd.docker.image.rootfs.diff.tar")},
                         .annotations = {}};
  auto text = dump_json(oci::to_json(manifest));
  SavedImage image{.manifest_text = std::move(text),
                   .manifest = std::move(manifest),
                   .config = {},
                   .layer_sizes = {1000, 5},
                   .names = std::move(names)};
  image.config.diff_ids = {{digest_of("unpacked")}, {digest_of("plain")}};
  return image;
}

std::string hex(std::string_view content) { return digest_of(content).hex(); }

std::vector<std::string> paths(const storage::PackPlan& plan) {
  std::vector<std::string> result;
  for (const auto& member : plan) result.push_back(member.path);
  return result;
}

}  // namespace

TEST_CASE("docker's archive has uncompressed layers, configurations and one manifest.json") {
  const auto plan = plan_docker_archive({make_image({"quay.io/a/b:1", "localhost/c:2"})});
  REQUIRE(paths(plan) == std::vector<std::string>{hex("unpacked") + ".tar", hex("plain") + ".tar",
                                                  hex("config") + ".json", "manifest.json"});
  CHECK(plan[0] ==
        storage::decompressed_member(hex("unpacked") + ".tar", digest_of("gzipped"), 1000, digest_of("unpacked")));
  CHECK(plan[1] == storage::blob_member(hex("plain") + ".tar", digest_of("plain"), 5));
  CHECK(plan[3].text == "[{\"Config\":\"" + hex("config") +
                            ".json\",\"RepoTags\":[\"quay.io/a/b:1\",\"localhost/c:2\"]," + "\"Layers\":[\"" +
                            hex("unpacked") + ".tar\",\"" + hex("plain") + ".tar\"]}]");
}

TEST_CASE("what two images share is in the archive once") {
  auto second = make_image({"localhost/second:1"});
  second.manifest.config = blob("other", second.manifest.config.media_type);
  const auto plan = plan_docker_archive({make_image({}), second});
  CHECK(paths(plan) == std::vector<std::string>{hex("unpacked") + ".tar", hex("plain") + ".tar",
                                                hex("config") + ".json", hex("other") + ".json", "manifest.json"});
  CHECK(plan.back().text.find("\"RepoTags\":[]") != std::string::npos);
}

TEST_CASE("an OCI layout has OCI's types and the layers as they are stored") {
  const auto plan = plan_oci_layout({make_image({"quay.io/a/b:1"})}, LayerForm::as_stored);
  REQUIRE(plan);
  const auto& manifest = (*plan)[4];
  CHECK(paths(*plan) == std::vector<std::string>{"oci-layout", "blobs/sha256/" + hex("gzipped"),
                                                 "blobs/sha256/" + hex("plain"), "blobs/sha256/" + hex("config"),
                                                 "blobs/sha256/" + hex(manifest.text), "index.json"});
  CHECK(manifest.text.find("application/vnd.oci.image.layer.v1.tar+gzip") != std::string::npos);
  CHECK(manifest.text.find("docker") == std::string::npos);
  CHECK(plan->back().text.find(hex(manifest.text)) != std::string::npos);
  CHECK(plan->back().text.find("\"org.opencontainers.image.ref.name\":\"quay.io/a/b:1\"") != std::string::npos);
}

TEST_CASE("uncompressed layers are described as what they are") {
  const auto plan = plan_oci_layout({make_image({})}, LayerForm::uncompressed);
  REQUIRE(plan);
  CHECK((*plan)[1] == storage::decompressed_member("blobs/sha256/" + hex("unpacked"), digest_of("gzipped"), 1000,
                                                   digest_of("unpacked")));
  CHECK((*plan)[4].text.find("gzip") == std::string::npos);
  CHECK((*plan)[4].text.find(digest_of("unpacked").to_string()) != std::string::npos);
}

TEST_CASE("a manifest that needs no change keeps its bytes") {
  auto image = make_image({"quay.io/a/b:1"});
  image.manifest_text = "{ \"as\": \"it was\" }";
  const auto plan = plan_image_directory(image, LayerForm::as_stored, ManifestFamily::docker);
  REQUIRE(plan);
  CHECK(paths(*plan) ==
        std::vector<std::string>{"version", hex("gzipped"), hex("plain"), hex("config"), "manifest.json"});
  CHECK(plan->back().text == image.manifest_text);
}

TEST_CASE("docker has no manifest type for zstd") {
  auto image = make_image({});
  image.manifest.media_type = "application/vnd.oci.image.manifest.v1+json";
  image.manifest.layers[0].media_type = "application/vnd.oci.image.layer.v1.tar+zstd";
  const auto plan = plan_image_directory(image, LayerForm::as_stored, ManifestFamily::docker);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().code() == Errc::unsupported);
}

}  // namespace ctr::engine

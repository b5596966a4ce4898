#include <string>

#include "base/oci/manifest.h"
#include "tests/catch.h"

using ctr::Errc;
using ctr::oci::ImageIndex;
using ctr::oci::Manifest;
using ctr::oci::manifest_parts;
using ctr::oci::parse_manifest;

namespace {

const std::string k_a = "sha256:" + std::string(64, 'a');
const std::string k_b = "sha256:" + std::string(64, 'b');
const std::string k_oci = "application/vnd.oci.image.manifest.v1+json";
const std::string k_oci_index = "application/vnd.oci.image.index.v1+json";
const std::string k_layer = "application/vnd.oci.image.layer.v1.tar+gzip";

std::string descriptor(const std::string& type, const std::string& digest, const std::string& more = "") {
  return R"({"mediaType":")" + type + R"(","digest":")" + digest + R"(","size":7)" + more + "}";
}
std::string config() { return descriptor("application/vnd.oci.image.config.v1+json", k_a); }
std::string manifest(const std::string& layer_type = k_layer, const std::string& more = "") {
  return R"({"schemaVersion":2,"config":)" + config() + R"(,"layers":[)" + descriptor(layer_type, k_b) + "]" + more +
         "}";
}

Errc code_of(const std::string& document, const std::string& type = k_oci) {
  const auto parsed = parse_manifest(document, type);
  REQUIRE_FALSE(parsed);
  INFO(parsed.error().message());
  return parsed.error().code();
}
std::string error_of(const std::string& document, const std::string& type = k_oci) {
  const auto parsed = parse_manifest(document, type);
  return parsed ? "" : parsed.error().message();
}

}  // namespace

TEST_CASE("an OCI manifest is read and printed again") {
  const auto parsed = parse_manifest(manifest(), k_oci + "; charset=utf-8");
  REQUIRE(parsed);
  const auto& image = std::get<Manifest>(*parsed);
  CHECK(image.config.digest.to_string() == k_a);
  REQUIRE(image.layers.size() == 1);
  CHECK(image.layers[0].size_bytes == 7);
  const auto again = parse_manifest(ctr::dump_json(to_json(image)), k_oci);
  REQUIRE(again);
  CHECK(std::get<Manifest>(*again) == image);
}

TEST_CASE("header, member and structure must agree") {
  CHECK(code_of(manifest(), k_oci_index) == Errc::corrupt);
  CHECK(code_of(manifest(k_layer, R"(,"mediaType":")" + k_oci_index + "\""), k_oci) == Errc::corrupt);
  CHECK(code_of(manifest(k_layer, R"(,"mediaType":")" + k_oci_index + "\""), k_oci_index) == Errc::corrupt);
  CHECK(code_of(manifest(k_layer, R"(,"manifests":[])")) == Errc::corrupt);
  CHECK(code_of(manifest(k_layer, R"(,"fsLayers":[])")) == Errc::corrupt);
  CHECK(code_of(R"({"schemaVersion":2})") == Errc::corrupt);
  CHECK(code_of(R"({"schemaVersion":3,"layers":[]})") == Errc::corrupt);
  CHECK(code_of(R"({"schemaVersion":2,"layers":[]})") == Errc::corrupt);
}

TEST_CASE("a vague content type leaves the choice to the document") {
  CHECK(parse_manifest(manifest(), ""));
  CHECK(parse_manifest(manifest(), "application/json"));
  CHECK(parse_manifest(R"({"schemaVersion":2,"manifests":[]})", "text/plain"));
}

TEST_CASE("schema 1, artifacts, foreign and unknown layers are refused by name") {
  CHECK_THAT(error_of(R"({"schemaVersion":1,"fsLayers":[]})"), Catch::Matchers::ContainsSubstring("schema 1"));
  CHECK(code_of("{}", "application/vnd.docker.distribution.manifest.v1+prettyjws") == Errc::unsupported);
  CHECK(code_of(manifest("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")) == Errc::unsupported);
  CHECK_THAT(error_of(manifest("text/x-evil")), Catch::Matchers::ContainsSubstring("unsupported media type"));
  CHECK(error_of(manifest("text/x-evil\\u001b[2J")).find('\x1b') == std::string::npos);
  const std::string artifact = R"({"schemaVersion":2,"config":)" +
                               descriptor("application/vnd.cncf.helm.config.v1+json", k_a) + R"(,"layers":[]})";
  CHECK_THAT(error_of(artifact), Catch::Matchers::ContainsSubstring("artifact"));
}

TEST_CASE("the parts of an artifact are known, and no platform chooses it") {
  const auto config = descriptor("application/vnd.oci.empty.v1+json", k_a);
  const auto parts = manifest_parts(R"({"schemaVersion":2,"config":)" + config + R"(,"layers":[)" +
                                    descriptor("text/x-own", k_a) + "]}");
  REQUIRE(parts);
  CHECK(parts->is_artifact());
  CHECK(parts->layers.at(0).media_type == "text/x-own");
  CHECK_FALSE(manifest_parts(manifest())->is_artifact());
  // A statement of a builder has the configuration of an image.
  CHECK(manifest_parts(manifest("application/vnd.in-toto+json"))->is_artifact());
  for (const std::string text : {"", "[]", "{}", R"({"config":1,"layers":[]})", R"({"config":{},"layers":[]})"}) {
    INFO(text);
    CHECK(manifest_parts(text).error().code() == Errc::corrupt);
  }
}

TEST_CASE("sizes and digests are checked before they are used") {
  const auto with = [](const std::string& digest, const std::string& size) {
    return R"({"schemaVersion":2,"config":)" + config() + R"(,"layers":[{"mediaType":")" + k_layer + R"(","digest":")" +
           digest + R"(","size":)" + size + "}]}";
  };
  CHECK(parse_manifest(with(k_a, "0"), k_oci));
  CHECK(code_of(with("sha256:../../etc/passwd", "1")) == Errc::corrupt);
  CHECK(code_of(with("sha256:" + std::string(64, 'A'), "1")) == Errc::corrupt);
  CHECK(code_of(with("md5:" + std::string(32, 'a'), "1")) == Errc::corrupt);
  CHECK(code_of(with(k_a, "-1")) == Errc::corrupt);
  CHECK(code_of(with(k_a, "18446744073709551615")) == Errc::corrupt);
  CHECK(code_of(with(k_a, "1.5")) == Errc::corrupt);
  CHECK(code_of(with(k_a, "\"1\"")) == Errc::corrupt);
}

TEST_CASE("hostile JSON is refused in one line") {
  CHECK(code_of("") == Errc::corrupt);
  CHECK(code_of("[]") == Errc::corrupt);
  CHECK(code_of(std::string(100'000, '[')) == Errc::corrupt);
  CHECK(code_of(R"({"schemaVersion":2,"layers":{},"config":)" + config() + "}") == Errc::corrupt);
  CHECK(code_of(R"({"schemaVersion":2,"schemaVersion":2,"layers":[],"config":)" + config() + "}") == Errc::corrupt);
  CHECK(code_of(std::string(5 << 20, ' ') + manifest()) == Errc::corrupt);
  CHECK(error_of("{").find('\n') == std::string::npos);
}

namespace {

std::string index_entry(const std::string& digest, const std::string& os, const std::string& architecture,
                        const std::string& type = k_oci) {
  return descriptor(type, digest, R"(,"platform":{"os":")" + os + R"(","architecture":")" + architecture + "\"}");
}
ImageIndex index_of(const std::string& entries) {
  const auto parsed = parse_manifest(R"({"schemaVersion":2,"manifests":[)" + entries + "]}", k_oci_index);
  REQUIRE(parsed);
  return std::get<ImageIndex>(*parsed);
}

}  // namespace

TEST_CASE("the manifest of the wanted platform is chosen from an index") {
  const auto index = index_of(index_entry(k_a, "linux", "arm64") + "," + index_entry(k_b, "linux", "amd64") + "," +
                              index_entry(k_a, "unknown", "unknown"));
  const auto chosen = choose_platform(index, *ctr::oci::parse_platform("linux/amd64"));
  REQUIRE(chosen);
  CHECK(chosen->digest.to_string() == k_b);
  const auto missing = choose_platform(index, *ctr::oci::parse_platform("linux/s390x"));
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code() == Errc::not_found);
  CHECK_THAT(missing.error().message(), Catch::Matchers::ContainsSubstring("linux/arm64, linux/amd64"));
}

TEST_CASE("entries that are no images are never chosen") {
  const auto index = index_of(index_entry(k_a, "linux", "amd64", "application/vnd.example.sbom"));
  CHECK_FALSE(choose_platform(index, *ctr::oci::parse_platform("linux/amd64")));
  for (const auto& entry : {index_entry(k_a, "linux", "amd64"), descriptor(k_oci, k_a)}) {
    auto artifact = entry;
    artifact.insert(1, R"("artifactType":"text/x-own",)");
    INFO(artifact);
    CHECK_FALSE(choose_platform(index_of(artifact), *ctr::oci::parse_platform("linux/amd64")));
  }
}

TEST_CASE("an entry without a platform is the last resort") {
  const auto index = index_of(descriptor(k_oci, k_a) + "," + index_entry(k_b, "linux", "amd64"));
  CHECK(choose_platform(index, *ctr::oci::parse_platform("linux/amd64"))->digest.to_string() == k_b);
  CHECK(choose_platform(index, *ctr::oci::parse_platform("linux/arm64"))->digest.to_string() == k_a);
}

#include "engine/local_image.h"

#include "tests/catch.h"
#include "tests/temporary_dir.h"

namespace ctr::engine {

namespace {

const oci::Platform k_amd64{.os = "linux", .architecture = "amd64", .variant = ""};

Result<std::vector<LocalImage>> read_any_layout(const ImageFiles& files, const oci::Platform& platform) {
  return read_layout(TRY(find_layout(files)), files, platform);
}

// A directory of files as an archive would have them.
class Files {
 public:
  void put(const std::string& name, const std::string& content) {
    for (size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1)) {
      REQUIRE(dir().open_or_make_dir(name.substr(0, at), 0700));
    }
    REQUIRE(dir().write_file(name, content, Sync::no));
  }
  std::string put_blob(const std::string& content) {
    put("blobs/sha256/" + digest_of(content).hex(), content);
    return "\"digest\":\"" + digest_of(content).to_string() + "\",\"size\":" + std::to_string(content.size());
  }
  std::unique_ptr<ImageFiles> open() const {
    auto files = open_directory_files(temp_.path());
    REQUIRE(files);
    return std::move(*files);
  }

 private:
  const Dir& dir() const { return temp_.dir(); }
  test::TemporaryDir temp_;
};

std::string config_with(const std::vector<std::string>& layers) {
  std::string diff_ids;
  for (const auto& layer : layers) diff_ids += (diff_ids.empty() ? "\"" : ",\"") + digest_of(layer).to_string() + "\"";
  return "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[" + diff_ids +
         "]}}";
}

std::string oci_manifest(Files& files, const std::string& config, const std::string& layer) {
  return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{)"
         R"("mediaType":"application/vnd.oci.image.config.v1+json",)" +
         files.put_blob(config) + R"(},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar",)" +
         files.put_blob(layer) + "}]}";
}

std::string refusal(const Result<std::vector<LocalImage>>& images) {
  return images ? "accepted" : images.error().text();
}

}  // namespace

TEST_CASE("an archive of docker gets a manifest whose layers are named by their content") {
  Files files;
  files.put("c.json", config_with({"layer one", "layer two"}));
  files.put("a/layer.tar", "layer one");
  files.put("b/layer.tar", "\x1f\x8b compressed somehow");
  files.put("manifest.json",
            R"([{"Config":"c.json","RepoTags":["busybox:1"],"Layers":["a/layer.tar","b/layer.tar"]}])");
  const auto opened = files.open();
  const auto images = read_any_layout(*opened, k_amd64);
  REQUIRE(images);
  REQUIRE(images->size() == 1);
  const auto& image = images->front();
  CHECK(image.names == std::vector<std::string>{"busybox:1"});
  CHECK(image.short_domain == "docker.io");
  const auto& manifest = std::get<oci::Manifest>(image.chain.back().parsed);
  CHECK(manifest.layers[0].digest == digest_of("layer one"));
  CHECK(manifest.layers[0].media_type == "application/vnd.docker.image.rootfs.diff.tar");
  CHECK(manifest.layers[1].digest == digest_of("\x1f\x8b compressed somehow"));
  CHECK(manifest.layers[1].media_type == "application/vnd.docker.image.rootfs.diff.tar.gzip");
  CHECK(image.blobs.at(digest_of("layer one")) == "a/layer.tar");
  CHECK(image.chain.back().descriptor.digest == digest_of(image.chain.back().bytes));
}

TEST_CASE("one image of an archive of docker is chosen by name or number") {
  Files files;
  files.put("c", config_with({}));
  files.put("manifest.json", R"([{"Config":"c","RepoTags":["a:1","a:2"],"Layers":[]},{"Config":"c","Layers":null}])");
  const auto opened = files.open();
  CHECK(read_docker_archive(*opened, {.name = "a:2", .index = {}})->front().names == std::vector<std::string>{"a:2"});
  CHECK(read_docker_archive(*opened, {.name = "", .index = 1})->front().names.empty());
  CHECK(read_docker_archive(*opened, {})->size() == 2);
  CHECK(refusal(read_docker_archive(*opened, {.name = "b:1", .index = {}})) == "it has no image 'b:1'");
  CHECK(refusal(read_docker_archive(*opened, {.name = "", .index = 2})) == "it has no image number 2");
}

TEST_CASE("an OCI layout is read down to the image for the platform") {
  Files files;
  const auto manifest = oci_manifest(files, config_with({"layer"}), "layer");
  const std::string index = R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)"
                            R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","platform":{"os":"linux",)"
                            R"("architecture":"amd64"},)" +
                            files.put_blob(manifest) + "}]}";
  files.put("index.json", R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json",)"
                          R"("annotations":{"org.opencontainers.image.ref.name":"v1"},)" +
                              files.put_blob(index) + "}]}");
  const auto opened = files.open();
  const auto images = read_any_layout(*opened, k_amd64);
  REQUIRE(images);
  CHECK(images->front().chain.size() == 2);
  CHECK(images->front().names == std::vector<std::string>{"v1"});
  CHECK(images->front().blobs.at(digest_of("layer")) == "blobs/sha256/" + digest_of("layer").hex());
  CHECK(refusal(read_oci_layout(*opened, {.name = "v2", .index = {}}, k_amd64)) == "it has no image 'v2'");
  CHECK(refusal(read_any_layout(*opened, {.os = "linux", .architecture = "s390x", .variant = ""})) ==
        "no image found in the index for platform linux/s390x; it offers linux/amd64");
}

TEST_CASE("a manifest that is not what index.json says is refused") {
  Files files;
  const auto manifest = oci_manifest(files, config_with({"layer"}), "layer");
  const auto entry = files.put_blob(manifest);
  files.put(
      "index.json",
      R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",)" + entry + "}]}");
  const auto path = "blobs/sha256/" + digest_of(manifest).hex();
  auto changed = manifest;
  changed[changed.size() - 2] = ' ';
  files.put(path, changed);
  CHECK(refusal(read_any_layout(*files.open(), k_amd64)).find("its digest is sha256:") != std::string::npos);
  files.put(path, manifest + " ");
  CHECK(refusal(read_any_layout(*files.open(), k_amd64)).find("bytes instead of") != std::string::npos);
}

TEST_CASE("the dir form names blobs by their hex digits") {
  Files files;
  Files blobs;
  files.put("manifest.json", oci_manifest(blobs, config_with({"layer"}), "layer"));
  const auto images = read_any_layout(*files.open(), k_amd64);
  REQUIRE(images);
  CHECK(images->front().blobs.at(digest_of("layer")) == digest_of("layer").hex());
  CHECK(images->front().names.empty());
}

}  // namespace ctr::engine

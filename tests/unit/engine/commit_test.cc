#include "engine/commit_config.h"
#include "engine/image_change.h"
#include "engine/made_image.h"
#include "engine/transfer.h"
#include "tests/catch.h"

namespace ctr::engine {
namespace {

using Words = std::vector<std::string>;

oci::ImageConfig changed(const Words& changes, oci::ImageConfig config = {}) {
  const auto done = apply_changes(config, changes);
  INFO((done ? "" : done.error().message()));
  REQUIRE(done);
  return config;
}

std::string refusal(std::string_view change) {
  oci::ImageConfig config;
  const auto done = apply_change(config, change);
  REQUIRE_FALSE(done);
  CHECK(done.error().code() == Errc::invalid);
  CHECK(config == oci::ImageConfig());
  return done.error().message();
}

oci::ImageConfig base_image() {
  oci::ImageConfig config;
  config.author = "first";
  config.platform = {.os = "linux", .architecture = "arm64", .variant = "v8"};
  config.env = {"PATH=/bin", "GONE=1"};
  config.cmd = {"old"};
  config.labels = {{"a", "1"}, {"b", "2"}};
  config.exposed_ports = {"80/tcp"};
  config.volumes = {"/data"};
  config.diff_ids = {{digest_of("base")}};
  config.history = {{.created = {}, .created_by = "base", .author = {}, .comment = {}, .empty_layer = false}};
  return config;
}

ContainerRecord container() {
  ContainerRecord record;
  record.image_name = "localhost/base:1";
  record.argv = {"/init", "serve", "-v"};
  record.entrypoint = {"/init"};
  record.working_dir = "/srv";
  record.env = {"PATH=/bin", "MODE=test", "HOSTNAME=c", "http_proxy=http://user:password@proxy"};
  record.spec.env = {"MODE=test"};
  record.spec.labels = {{"b", "3"}, {"c", "4"}};
  record.exposed_ports = {"80/tcp", "443/tcp"};
  return record;
}

const oci::DiffId k_layer{digest_of("layer")};
const TimePoint k_time = from_unix_seconds(1'700'000'000);

}  // namespace

TEST_CASE("instructions of --change say what a Dockerfile says") {
  const auto config =
      changed({"CMD [\"a\", \"b c\"]", "entrypoint=/start now", "ENV A=1", "ENV B=\"two words\"", "ENV A=3 4",
               "EXPOSE 80", "EXPOSE 53/UDP", "LABEL key=some text", "ONBUILD RUN make", "STOPSIGNAL SIGINT",
               "USER web:web", "VOLUME /a /b", "VOLUME [\"/c d\"]", "WORKDIR /srv", "WORKDIR app/../www"});
  CHECK(config.cmd == Words{"a", "b c"});
  CHECK(config.entrypoint == Words{"/bin/sh", "-c", "/start now"});
  CHECK(config.env == Words{"A=3 4", "B=two words"});
  CHECK(config.exposed_ports == std::set<std::string>{"53/udp", "80/tcp"});
  CHECK(config.labels == std::map<std::string, std::string>{{"key", "some text"}});
  CHECK(config.on_build == Words{"RUN make"});
  CHECK(config.stop_signal == "2");
  CHECK(config.user == "web:web");
  CHECK(config.volumes == std::set<std::string>{"/a", "/b", "/c d"});
  CHECK(config.working_dir == "/srv/www");
}

TEST_CASE("an empty command takes the image's away") {
  oci::ImageConfig config;
  config.cmd = {"old"};
  config.entrypoint = {"old"};
  CHECK(changed({"CMD []", "ENTRYPOINT="}, config) == oci::ImageConfig());
}

TEST_CASE("an instruction that means nothing is refused by name") {
  CHECK(refusal("CMD") == "invalid change \"CMD\" - must be formatted as KEY VALUE");
  CHECK(refusal("RUN make") == "invalid change \"RUN make\" - invalid instruction RUN");
  CHECK(refusal("EXPOSE web") == "invalid change \"EXPOSE web\" - EXPOSE port must be a valid port number");
  CHECK(refusal("EXPOSE 0") == "invalid change \"EXPOSE 0\" - EXPOSE port must be a valid port number");
  CHECK(refusal("EXPOSE 65536") == "invalid change \"EXPOSE 65536\" - EXPOSE port must be a valid port number");
  CHECK(refusal("EXPOSE 1/sctp") == "invalid change \"EXPOSE 1/sctp\" - EXPOSE protocol must be TCP or UDP");
  CHECK(refusal("EXPOSE 1/tcp/2") ==
        "invalid change \"EXPOSE 1/tcp/2\" - EXPOSE port must be formatted as PORT[/PROTO]");
  CHECK(refusal("USER ") == "invalid change \"USER \" - must be formatted as KEY VALUE");
  CHECK(refusal("USER=") == "invalid change \"USER=\" - USER must be given a value");
  CHECK(refusal("ENV =1") == "invalid change \"ENV =1\" - ENV must have a key");
  CHECK(refusal("VOLUME []") == "invalid change \"VOLUME []\" - VOLUME must be given at least one path");
  CHECK(refusal("STOPSIGNAL SIGNONE").starts_with("invalid change \"STOPSIGNAL SIGNONE\" - STOPSIGNAL must be given"));
  CHECK(refusal(std::string_view("USER a\0b", 8)).ends_with("it has a NUL byte"));
}

TEST_CASE("a committed image runs as its container did, without what the host has added") {
  CommitRequest request;
  request.author = "Ada";
  request.changes = {"LABEL d=5"};
  auto expected = base_image();
  expected.created = k_time;
  expected.author = "Ada";
  expected.env = {"PATH=/bin", "MODE=test"};
  expected.entrypoint = {"/init"};
  expected.cmd = {"serve", "-v"};
  expected.working_dir = "/srv";
  expected.labels = {{"a", "1"}, {"b", "3"}, {"c", "4"}, {"d", "5"}};
  expected.exposed_ports = {"443/tcp", "80/tcp"};
  expected.diff_ids.push_back(k_layer);
  expected.history.push_back({.created = k_time,
                              .created_by = "/bin/sh",
                              .author = "Ada",
                              .comment = "FROM localhost/base:1",
                              .empty_layer = false});
  const auto config = commit_config(base_image(), container(), request, k_layer, k_time);
  REQUIRE(config);
  CHECK(*config == expected);
}

TEST_CASE("a squashed image has one layer and no past, and --config comes before --change") {
  CommitRequest request;
  request.squash = true;
  request.include_volumes = true;
  request.changes = {"USER 5"};
  auto record = container();
  record.mounts.push_back({});
  record.mounts.back().destination = "/mounted";
  const auto config = commit_config(base_image(), record, request, k_layer, k_time,
                                    R"({"User":"4","Env":["PATH=/x","NEW=1"],"Labels":{"d":"5"},"Cmd":["go"]})");
  REQUIRE(config);
  CHECK(config->diff_ids == std::vector{k_layer});
  CHECK(config->history.size() == 1);
  CHECK(config->user == "5");
  CHECK(config->cmd == Words{"go"});
  CHECK(config->entrypoint == Words{"/init"});
  CHECK(config->env == Words{"MODE=test", "PATH=/x", "NEW=1"});
  CHECK(config->labels.at("d") == "5");
  CHECK(config->labels.at("a") == "1");
  CHECK(config->volumes == std::set<std::string>{"/data", "/mounted"});
  CHECK_FALSE(commit_config(base_image(), record, request, k_layer, k_time, "[]"));
  CHECK_FALSE(commit_config(base_image(), record, request, k_layer, k_time, R"({"Env":1})"));
}

TEST_CASE("a message is for Docker's format") {
  CommitRequest request;
  request.message = "done";
  const auto refused = commit_config(base_image(), container(), request, k_layer, k_time);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message() == "messages are only compatible with the docker image format (-f docker)");
  request.format = CommitRequest::Format::docker;
  const auto config = commit_config(base_image(), container(), request, k_layer, k_time);
  REQUIRE(config);
  CHECK(config->history.back().comment == "done");
}

TEST_CASE("places of mounts and secrets are no part of an image") {
  std::vector<runtime::SpecMount> mounts(3);
  mounts[0].destination = "/proc";
  mounts[1].destination = "/etc/hosts";
  mounts[2].destination = "/data/";
  SecretUse below;
  below.target = "token";
  SecretUse elsewhere;
  elsewhere.target = "/etc/key";
  SecretUse variable;
  variable.type = SecretUse::Type::env;
  variable.target = "/odd";
  CHECK(mounted_places(mounts, {below, elsewhere, variable}) ==
        Words{"data", "etc/hosts", "etc/key", "proc", "run/podman-init", "run/secrets"});
}

TEST_CASE("an imported image is its layer and what --change says") {
  ImportRequest request;
  request.platform = {.os = "linux", .architecture = "arm64", .variant = "v8"};
  request.changes = {"CMD /start"};
  const auto config = import_config(request, k_layer, k_time);
  REQUIRE(config);
  oci::ImageConfig expected;
  expected.created = k_time;
  expected.platform = request.platform;
  expected.cmd = {"/bin/sh", "-c", "/start"};
  expected.diff_ids = {k_layer};
  expected.history = {{.created = k_time,
                       .created_by = "/bin/sh -c #(nop) ADD file:" + k_layer.digest.hex() + " in /",
                       .author = {},
                       .comment = "imported from tarball",
                       .empty_layer = false}};
  CHECK(*config == expected);
  request.message = "mine";
  CHECK(import_config(request, k_layer, k_time)->history[0].comment == "mine");
}

TEST_CASE("requests of commit and import survive their JSON") {
  TransferRequest request;
  request.verb = TransferRequest::Verb::commit;
  request.commit = {.container = "c",
                    .name = "localhost/a:1",
                    .author = "Ada",
                    .message = "m",
                    .changes = {"USER a"},
                    .format = CommitRequest::Format::docker,
                    .pause = CommitRequest::Pause::no,
                    .quiet = true,
                    .squash = true,
                    .include_volumes = true,
                    .config_file = "/f"};
  request.import_request = {.input = "-",
                            .name = "localhost/b:2",
                            .message = "n",
                            .changes = {"CMD b"},
                            .platform = {.os = "linux", .architecture = "arm", .variant = "v7"},
                            .quiet = true};
  const auto json = to_json(request);
  auto read = transfer_request_from_json(JsonReader(json, "request"));
  REQUIRE(read);
  CHECK(read->verb == TransferRequest::Verb::commit);
  CHECK(read->commit == request.commit);
  CHECK(read->import_request == request.import_request);
  request.verb = TransferRequest::Verb::import_;
  const auto other = to_json(request);
  read = transfer_request_from_json(JsonReader(other, "request"));
  REQUIRE(read);
  CHECK(read->verb == TransferRequest::Verb::import_);
}

TEST_CASE("the manifest of a committed image has the types of its format") {
  const auto blob = [](std::string_view content, std::string type) {
    return oci::Descriptor{.media_type = std::move(type),
                           .digest = digest_of(content),
                           .size_bytes = content.size(),
                           .platform = {},
                           .annotations = {}};
  };
  const oci::Manifest base{.media_type = "application/vnd.docker.distribution.manifest.v2+json",
                           .config = blob("old", "application/vnd.docker.container.image.v1+json"),
                           .layers = {blob("base", "application/vnd.docker.image.rootfs.diff.tar.gzip")},
                           .annotations = {{"of", "base"}}};
  const auto types = [&](CommitRequest::Format format) {
    const auto manifest = made_manifest(base, format, blob("config", ""), blob("layer", ""));
    REQUIRE(manifest);
    REQUIRE(manifest->layers.size() == 2);
    CHECK(manifest->annotations.empty());
    CHECK(manifest->config.digest == digest_of("config"));
    CHECK(manifest->layers[0].digest == digest_of("base"));
    CHECK(manifest->layers[1].digest == digest_of("layer"));
    return Words{manifest->media_type, manifest->config.media_type, manifest->layers[0].media_type,
                 manifest->layers[1].media_type};
  };
  CHECK(types(CommitRequest::Format::oci) ==
        Words{"application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json",
              "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+gzip"});
  CHECK(types(CommitRequest::Format::docker) == Words{"application/vnd.docker.distribution.manifest.v2+json",
                                                      "application/vnd.docker.container.image.v1+json",
                                                      "application/vnd.docker.image.rootfs.diff.tar.gzip",
                                                      "application/vnd.docker.image.rootfs.diff.tar.gzip"});
}

}  // namespace ctr::engine

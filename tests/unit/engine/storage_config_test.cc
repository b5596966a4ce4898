#include "engine/storage_config.h"

#include "base/file.h"
#include "engine/engine.h"
#include "tests/catch.h"
#include "tests/temporary_dir.h"

namespace ctr::engine {
namespace {

const Environment k_environment = {{"HOME", "/home/u"}, {"DISK", "/disk"}, {"UID", "7"}};

StorageConfig applied(std::string_view text) {
  StorageConfig config;
  const auto done = apply_storage_config(config, text, "f.conf", {k_environment, 1000});
  if (!done) FAIL(done.error().text());
  return config;
}

std::string refusal(std::string_view text) {
  const auto done = check_storage_config(applied(text));
  REQUIRE_FALSE(done);
  CHECK(done.error().code() == Errc::unsupported);
  return done.error().message();
}

UserPaths some_paths() {
  UserPaths paths;
  paths.data_home = "/home/u/.local/share";
  paths.runtime_dir = "/run/user/1000";
  paths.store = "own";
  paths.run = "own run";
  return paths;
}

UserPaths placed(const StorageConfig& config, unsigned uid = 1000) {
  auto paths = some_paths();
  place_store(config, paths, uid);
  return paths;
}

}  // namespace

TEST_CASE("each key of storage.conf that is followed is read, with its line") {
  const auto config = applied(
      "[storage]\ndriver = \"overlay\"\ngraphroot = \"$HOME/big\"\nrunroot = \"/run/$UID/x\"\n"
      "rootless_storage_path = \"${DISK}/$USER/s\"\n"
      "[storage.options]\nadditionalimagestores = [\"/a\", \"$DISK/b\"]\nmountopt = \"nodev\"\n"
      "[storage.options.overlay]\nmount_program = \"/usr/bin/fuse-overlayfs\"\nignore_chown_errors = \"true\"\n");
  CHECK(config.driver == "overlay");
  CHECK(config.graphroot == "/home/u/big");
  CHECK(config.runroot == "/run/1000/x");
  CHECK(config.rootless_storage_path == "/disk//s");
  CHECK(config.additional_image_stores == std::vector<std::string>{"/a", "/disk/b"});
  CHECK(config.mount_program == "/usr/bin/fuse-overlayfs");
  CHECK(config.ignore_chown_errors);
  CHECK(config.warnings.empty());
  CHECK(config.origins.at("storage.graphroot") == "f.conf:3");
  CHECK(config.origins.at("storage.options.mount_program") == "f.conf:10");
  CHECK(check_storage_config(config));
}

TEST_CASE("unknown keys of storage.conf are told with their lines, those of other drivers are not") {
  const auto config = applied(
      "[storage]\ngrahproot = \"/x\"\n[storage.options.overlay]\nsizes = \"1\"\n"
      "[storage.options.vfs]\nany = \"1\"\n[storage.options.pull_options]\nenable_partial_images = "
      "\"true\"\n[other]\n");
  CHECK(config.warnings == std::vector<std::string>{"f.conf:9: unknown key other",
                                                    "f.conf:2: unknown key storage.grahproot",
                                                    "f.conf:4: unknown key storage.options.overlay.sizes"});
}

TEST_CASE("what the store cannot be is refused by name") {
  CHECK(refusal("[storage]\ndriver = \"vfs\"\n") == "f.conf:2: driver: 'vfs': only overlay is supported");
  CHECK(refusal("[storage]\ntransient_store = true\n").starts_with("f.conf:2: transient_store: "));
  CHECK(refusal("[storage.options.overlay]\nsize = \"1G\"\n").starts_with("f.conf:2: size: "));
  CHECK(refusal("[storage.options]\nmount_program = \"/bin/x\"\n").find("'/bin/x'") != std::string::npos);
}

TEST_CASE("a value of another type is an error with its line") {
  for (const auto* text : {"[storage]\ngraphroot = 1\n", "[storage]\ntransient_store = \"maybe\"\n",
                           "[storage.options]\n\nadditionalimagestores = \"x\"\n", "[storage]\ndriver = \"a\n"}) {
    StorageConfig config;
    const auto done = apply_storage_config(config, text, "f.conf", {k_environment, 1000});
    REQUIRE_FALSE(done);
    CHECK(done.error().message().starts_with("f.conf:"));
  }
}

TEST_CASE("the store is beside the directory that storage.conf gives to podman") {
  StorageConfig config;
  CHECK(placed(config).store == "own");
  config.rootless_storage_path = "/disk/u/";
  CHECK(placed(config).store == "/disk/u-ctr");
  CHECK(placed(config, 0).store == "own");
  config.graphroot = "/big/storage";
  config.runroot = "/big/run";
  CHECK(placed(config).store == "/big/storage-ctr");
  CHECK(placed(config).run == "/big/run-ctr");
  CHECK(placed(config).image_store.empty());
  config.imagestore = "/big/images";
  CHECK(placed(config).image_store == "/big/images-ctr");
}

TEST_CASE("podman's default places leave ctr at its own") {
  StorageConfig config;
  config.graphroot = "/home/u/.local/share/containers/storage";
  config.runroot = "/run/user/1000/containers";
  CHECK(placed(config).store == "own");
  CHECK(placed(config).run == "own run");
  config.graphroot = "/var/lib/containers/storage";
  config.runroot = "/run/containers/storage";
  CHECK(placed(config, 0).store == "own");
  CHECK(placed(config, 0).run == "own run");
  config.graphroot = "relative";
  CHECK(placed(config).store == "own");
}

TEST_CASE("options of the command line add to and replace those of files") {
  auto config = applied("[storage.options]\nadditionalimagestores = [\"/a\"]\n");
  REQUIRE(apply_storage_option(config, "overlay.imagestore=/b", "--storage-opt"));
  REQUIRE(apply_storage_option(config, "additionalimagestore=/c", "--storage-opt"));
  REQUIRE(apply_storage_option(config, "overlay.mountopt=nodev", "--storage-opt"));
  CHECK(config.additional_image_stores == std::vector<std::string>{"/b", "/c"});
  CHECK(config.mountopt == "nodev");
  CHECK(config.origins.at("storage.options.additionalimagestores") == "--storage-opt");
  CHECK_FALSE(apply_storage_option(config, "overlay.nosuch=1", "--storage-opt"));
  CHECK_FALSE(apply_storage_option(config, "mountopt", "--storage-opt"));
}

TEST_CASE("files, drop-ins and environment are read in order, and the file named by the environment alone") {
  const test::TemporaryDir dir;
  UserPaths paths = some_paths();
  paths.config_home = dir.path() + "/config";
  const auto folder = paths.config_home + "/containers";
  const auto put = [&](const std::string& file, const std::string& text) {
    const auto parent = Dir::open_or_make(file.substr(0, file.rfind('/')), 0700);
    REQUIRE(parent);
    REQUIRE(parent->write_file(file.substr(file.rfind('/') + 1), text, Sync::no));
  };
  put(folder + "/storage.conf", "[storage]\ngraphroot = \"/one\"\nrunroot = \"/run/one\"\n");
  put(folder + "/storage.conf.d/10.conf", "[storage]\ngraphroot = \"/two\"\n");
  put(folder + "/storage.rootless.conf.d/1000/1.conf", "[storage.options]\nadditionalimagestores = [\"/s\"]\n");
  put(dir.path() + "/named/other.conf", "[storage]\nrunroot = \"/other\"\n");
  Environment environment = {{"STORAGE_OPTS", "overlay.mountopt=nodev,imagestore=/t"}};
  auto config = load_storage_config(environment, paths, 1000, StorageFiles::own);
  REQUIRE(config);
  CHECK(config->graphroot == "/two");
  CHECK(config->runroot == "/run/one");
  CHECK(config->additional_image_stores == std::vector<std::string>{"/t"});
  CHECK(config->origins.at("storage.options.mountopt") == "STORAGE_OPTS");
  environment = {{"CONTAINERS_STORAGE_CONF", dir.path() + "/named/other.conf"}, {"STORAGE_DRIVER", "btrfs"}};
  config = load_storage_config(environment, paths, 1000, StorageFiles::own);
  REQUIRE(config);
  CHECK(config->graphroot.empty());
  CHECK(config->runroot == "/other");
  CHECK(check_storage_config(*config).error().message().starts_with("STORAGE_DRIVER: driver: 'btrfs'"));
  environment = {{"CONTAINERS_STORAGE_CONF", dir.path() + "/missing"}};
  CHECK(load_storage_config(environment, paths, 1000, StorageFiles::own).error().code() == Errc::not_found);
}

}  // namespace ctr::engine

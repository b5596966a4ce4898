// index.json, names, removal and collection.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/oci/manifest.h"
#include "storage/image_lists.h"
#include "storage/publish.h"
#include "tests/unit/storage/support.h"

using namespace ctr;
using namespace ctr::storage;
using namespace ctr::storage::testing;

namespace {

constexpr const char* k_manifest_type = "application/vnd.oci.image.manifest.v1+json";

oci::Descriptor describe(std::string_view content, std::string media_type) {
  return {.media_type = std::move(media_type),
          .digest = digest_of(content),
          .size_bytes = content.size(),
          .platform = {},
          .annotations = {}};
}

void put(const Store& store, std::string_view content) {
  auto staging = must(store.blobs().stage(content, describe(content, "x")));
  if (staging) must(staging->commit());
}

// Puts a whole image into the store: layers named by words, and a config that differs by `variant`.
NewImage make_image(const Store& store, const std::vector<std::string>& layers, const std::string& variant) {
  Json diff_ids = Json::array();
  oci::Manifest manifest{.media_type = k_manifest_type, .config = describe("", ""), .layers = {}, .annotations = {}};
  for (const auto& layer : layers) {
    oci::DiffId id{digest_of(layer)};
    diff_ids.push(id.digest.to_string());
    put(store, "blob of " + layer);
    manifest.layers.push_back(describe("blob of " + layer, "application/vnd.oci.image.layer.v1.tar+gzip"));
    if (auto staging = must(store.layers().begin(id))) {
      must(staging->finish({.diff_id = id}));
      must(staging->commit());
    }
  }
  Json config = Json::object();
  config.set("architecture", "amd64").set("os", "linux").set("author", variant).set("config", Json::object());
  config.set("rootfs", Json::object().set("type", "layers").set("diff_ids", std::move(diff_ids)));
  std::string config_text = dump_json(config);
  put(store, config_text);
  manifest.config = describe(config_text, "application/vnd.oci.image.config.v1+json");
  std::string manifest_text = dump_json(oci::to_json(manifest));
  put(store, manifest_text);
  return {.manifest = describe(manifest_text, k_manifest_type),
          .config = manifest.config.digest,
          .names = {},
          .repo_digests = {},
          .size_bytes = 42,
          .created = {},
          .stored_at = from_unix_seconds(1'700'000'000)};
}

ImageStore::InUse nobody() {
  return [](const Digest&) { return Result<std::optional<std::string>>(std::optional<std::string>()); };
}

struct Fixture {
  TempDir temp;
  Store store = must(Store::open(paths_below(temp.path())));
  ImageStore images = store.images();

  NewImage add(const std::vector<std::string>& layers, const std::string& variant, std::vector<std::string> names) {
    auto image = make_image(store, layers, variant);
    image.names = std::move(names);
    must(images.add(image));
    return image;
  }
};

}  // namespace

TEST_CASE("an image is found by name, id, id prefix and repository digest") {
  Fixture f;
  auto image = make_image(f.store, {"a"}, "1");
  image.names = {"docker.io/library/x:latest"};
  image.repo_digests = {"docker.io/library/x@" + image.manifest.digest.to_string()};
  must(f.images.add(image));
  for (const ImageQuery& query :
       {ImageQuery{{"localhost/x:latest", "docker.io/library/x:latest"}, ""}, ImageQuery{{}, image.config.hex()},
        ImageQuery{{}, image.config.hex().substr(0, 12)}, ImageQuery{{}, "sha256:" + image.config.hex().substr(0, 5)},
        ImageQuery{{image.repo_digests[0]}, ""}}) {
    auto found = must(f.images.find(query));
    REQUIRE(found);
    CHECK(found->id == image.config);
    CHECK(found->names == image.names);
    CHECK(found->size_bytes == 42);
    CHECK(found->stored_at == image.stored_at);
  }
  CHECK_FALSE(must(f.images.find({{"docker.io/library/y:latest"}, "ffffffffffff"})));
  auto config = must(f.images.read_config(must(f.images.list())[0]));
  CHECK(config.author == "1");
  CHECK(must(f.images.read_manifest(must(f.images.list())[0])).layers.size() == 1);
}

TEST_CASE("a name moves to the image pulled last, and the other stays without a name") {
  Fixture f;
  auto old_image = f.add({"a"}, "1", {"r/x:1"});
  auto new_image = f.add({"a", "b"}, "2", {"r/x:1"});
  CHECK(must(f.images.find({{"r/x:1"}, ""}))->id == new_image.config);
  auto all = must(f.images.list());
  REQUIRE(all.size() == 2);
  CHECK(must(f.images.find({{}, old_image.config.hex()}))->names.empty());
}

TEST_CASE("tag and untag change names only") {
  Fixture f;
  auto image = f.add({"a"}, "1", {"r/x:1"});
  must(f.images.tag(image.config, "r/y:2"));
  must(f.images.tag(image.config, "r/y:2"));
  CHECK(must(f.images.list())[0].names == std::vector<std::string>{"r/x:1", "r/y:2"});
  must(f.images.untag("r/x:1"));
  must(f.images.untag("r/y:2"));
  auto all = must(f.images.list());
  REQUIRE(all.size() == 1);
  CHECK(all[0].names.empty());
  CHECK(f.images.untag("r/y:2").error().code() == Errc::not_found);
}

namespace {

std::string list_of(const std::vector<oci::Descriptor>& images) {
  return dump_json(oci::to_json(oci::ImageIndex{
      .media_type = "application/vnd.oci.image.index.v1+json", .manifests = images, .annotations = {}}));
}

}  // namespace

TEST_CASE("a list keeps its id while it is edited, and its images while it is there") {
  Fixture f;
  const ImageLists lists(f.store.root());
  auto image = f.add({"a"}, "1", {"r/x:1"});
  const auto id = must(lists.create("r/list:1", {list_of({}), {}}));
  CHECK(lists.create("r/list:1", {list_of({}), {}}).error().code() == Errc::exists);
  CHECK(lists.create("r/x:1", {list_of({}), {}}).error().code() == Errc::exists);
  CHECK(lists.create("r/other:1", {"{}", {}}).error().code() == Errc::corrupt);
  const auto empty = must(f.images.find({{"r/list:1"}, ""}));
  REQUIRE(empty);
  CHECK(is_list(*empty));
  CHECK(empty->id == id);
  must(lists.edit(id, [&](ListContent content) -> Result<ListContent> {
    CHECK(content.document == list_of({}));
    return ListContent{list_of({image.manifest}), {"r/x@" + image.manifest.digest.to_string()}};
  }));
  const auto list = must(f.images.find({{"r/list:1"}, ""}));
  CHECK(list->id == id);
  CHECK(must(lists.read(list->id)).document == list_of({image.manifest}));
  CHECK(must(lists.read(id)).sources.size() == 1);
  CHECK_FALSE(f.store.blobs().has(empty->manifest.digest));
  // The image goes, what the list needs of it stays until the list goes.
  must(f.images.remove(image.config, {.name = {}, .all_names = true}, nobody()));
  CHECK(f.store.blobs().has(image.manifest.digest));
  CHECK(f.store.layers().has({digest_of("a")}));
  must(f.images.collect());
  CHECK(f.store.layers().has({digest_of("a")}));
  must(f.images.remove(id, {.name = {}, .all_names = true}, nobody()));
  CHECK(f.store.blobs().list().value().empty());
  CHECK_FALSE(f.store.layers().has({digest_of("a")}));
}

TEST_CASE("an edit of a list that somebody else has changed meanwhile is made again") {
  Fixture f;
  const ImageLists lists(f.store.root());
  auto image = f.add({"a"}, "1", {"r/x:1"});
  auto other = f.add({"b"}, "2", {"r/y:1"});
  const auto id = must(lists.create("r/list:1", {list_of({}), {}}));
  int calls = 0;
  must(lists.edit(id, [&](ListContent content) -> Result<ListContent> {
    if (++calls == 1) {
      must(lists.edit(id,
                      [&](ListContent) -> Result<ListContent> { return ListContent{list_of({other.manifest}), {}}; }));
    }
    const bool has_other = content.document == list_of({other.manifest});
    return ListContent{has_other ? list_of({other.manifest, image.manifest}) : list_of({image.manifest}), {}};
  }));
  CHECK(calls == 2);
  const auto list = must(f.images.find({{"r/list:1"}, ""}));
  CHECK(must(lists.read(list->id)).document == list_of({other.manifest, image.manifest}));
  CHECK(lists.edit(digest_of("x"), [](ListContent content) -> Result<ListContent> { return content; }).error().code() ==
        Errc::not_found);
}

TEST_CASE("a list may name images of which the store has the manifest alone, or nothing") {
  Fixture f;
  const ImageLists lists(f.store.root());
  auto image = f.add({"a"}, "1", {"r/x:1"});
  const auto config = image.config;
  const auto gone = oci::Descriptor{.media_type = image.manifest.media_type,
                                    .digest = digest_of("gone"),
                                    .size_bytes = 4,
                                    .platform = {},
                                    .annotations = {}};
  must(lists.create("r/list:1", {list_of({image.manifest, gone}), {}}));
  must(f.images.remove(config, {.name = {}, .all_names = true}, nobody()));
  must(f.images.collect());
  CHECK(f.store.blobs().has(image.manifest.digest));
}

TEST_CASE("pulling an image again under no name changes nothing") {
  Fixture f;
  auto image = f.add({"a"}, "1", {"r/x:1"});
  image.names.clear();
  image.repo_digests = {"r/x@" + image.manifest.digest.to_string()};
  must(f.images.add(image));
  auto all = must(f.images.list());
  REQUIRE(all.size() == 1);
  CHECK(all[0].names.size() == 1);
  CHECK(all[0].repo_digests == image.repo_digests);
}

TEST_CASE("removing an image takes what no other image needs") {
  Fixture f;
  auto one = f.add({"base", "one"}, "1", {"r/one:1"});
  auto two = f.add({"base", "two"}, "2", {"r/two:1"});
  auto removed = must(f.images.remove(one.config, {.name = "r/one:1"}, nobody()));
  CHECK(removed.untagged == std::vector<std::string>{"r/one:1"});
  CHECK(removed.deleted == one.config);
  CHECK(removed.freed_layers == 1);
  CHECK(removed.freed_blobs == 3);
  CHECK(f.store.layers().has({digest_of("base")}));
  CHECK_FALSE(f.store.layers().has({digest_of("one")}));
  CHECK(f.store.blobs().has(digest_of("blob of base")));
  CHECK(must(f.images.list()).size() == 1);
  must(f.images.remove(two.config, {}, nobody()));
  CHECK(must(f.store.blobs().list()).empty());
  CHECK(must(f.store.layers().list()).empty());
}

TEST_CASE("an image that is used, or has several names, stays") {
  Fixture f;
  auto image = f.add({"a"}, "1", {"r/x:1", "r/x:2"});
  auto used = [](const Digest&) {
    return Result<std::optional<std::string>>(std::optional<std::string>("container 'web'"));
  };
  CHECK(f.images.remove(image.config, {}, nobody()).error().code() == Errc::in_use);
  CHECK(must(f.images.remove(image.config, {.name = "r/x:1"}, used)).deleted == std::nullopt);
  auto refused = f.images.remove(image.config, {.name = "r/x:2"}, used);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().find("container 'web'") != std::string::npos);
  CHECK(must(f.images.list()).size() == 1);
  CHECK(f.images.remove(image.config, {.name = "r/none:1"}, nobody()).error().code() == Errc::not_found);
}

TEST_CASE("collection leaves alone what a running pull has pinned") {
  Fixture f;
  put(f.store, "pinned");
  put(f.store, "garbage");
  {
    auto pin = must(f.images.pin());
    must(pin.add({digest_of("pinned")}, {}));
    CHECK(must(f.images.collect()).freed_blobs == 1);
    CHECK(f.store.blobs().has(digest_of("pinned")));
  }
  CHECK(must(f.images.collect()).freed_blobs == 1);
}

TEST_CASE("pins of dead processes do not keep anything") {
  Fixture f;
  put(f.store, "garbage");
  (void)must(f.images.pin());
  auto pins = must(f.store.dir().open_dir("images/.pins"));
  must(pins.write_file("dead", "blob " + digest_of("garbage").to_string() + "\n", Sync::no));
  CHECK(must(f.images.collect()).freed_blobs == 1);
  CHECK(must(pins.list()).empty());
}

TEST_CASE("an image whose documents are gone can still be removed") {
  Fixture f;
  auto image = f.add({"a"}, "1", {"r/x:1"});
  must(must(f.store.dir().open_dir("images/blobs/sha256")).remove_file(image.manifest.digest.hex()));
  CHECK(must(f.images.list()).size() == 1);
  must(f.images.remove(image.config, {}, nobody()));
  CHECK(must(f.images.list()).empty());
  must(f.images.collect());
  CHECK(must(f.store.blobs().list()).empty());
}

TEST_CASE("entries that other programs wrote are read and kept") {
  Fixture f;
  auto image = make_image(f.store, {"a"}, "1");
  std::string index = "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" + std::string(k_manifest_type) +
                      "\",\"digest\":\"" + image.manifest.digest.to_string() +
                      "\",\"size\":" + std::to_string(image.manifest.size_bytes) +
                      ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"r/x:1\",\"other\":\"kept\"}}," +
                      "{\"mediaType\":\"strange\",\"digest\":\"nothing\"}]}";
  must(must(f.store.dir().open_dir("images")).write_file("index.json", index, Sync::no));
  auto found = must(f.images.find({{"localhost/r/x:1"}, ""}));
  REQUIRE(found);
  CHECK(found->id == image.config);
  must(f.images.tag(image.config, "r.io/y:1"));
  auto text = must(must(f.store.dir().open_dir("images")).read_file("index.json"));
  CHECK(text.find("\"other\":\"kept\"") != std::string::npos);
  CHECK(text.find("\"strange\"") != std::string::npos);
  // Under the name that it has for others, too.
  CHECK(text.find("\"org.opencontainers.image.ref.name\":\"r/x:1\"") != std::string::npos);
  CHECK(must(f.images.find({{"localhost/r/x:1"}, ""})));
  must(f.images.untag("localhost/r/x:1"));
  CHECK_FALSE(must(f.images.find({{"localhost/r/x:1"}, ""})));
}

TEST_CASE("a damaged index is an error, not an empty store") {
  Fixture f;
  (void)f.add({"a"}, "1", {"r/x:1"});
  auto images = must(f.store.dir().open_dir("images"));
  for (const char* text : {"", "{", "[]", "{\"schemaVersion\":1}", "{\"manifests\":{}}"}) {
    must(images.write_file("index.json", text, Sync::no));
    CHECK_FALSE(f.images.list());
    CHECK_FALSE(f.images.collect());
  }
  CHECK(f.store.layers().has({digest_of("a")}));
}

namespace {

// A store of somebody else's with one image, and the own one that looks into it.
struct TwoStores {
  TempDir dir;
  Store other = must(Store::open(paths_below(dir.path() + "/other")));
  UserPaths paths = paths_below(dir.path() + "/own");

  Store open_own() {
    paths.image_stores = [this] { return std::vector{dir.path() + "/gone", other.path()}; };
    return must(Store::open(paths));
  }
};

}  // namespace

TEST_CASE("images of other stores are found after the own ones, and read where they are") {
  TwoStores stores;
  auto image = make_image(stores.other, {"base"}, "one");
  image.names = {"localhost/one:1"};
  must(stores.other.images().add(image));
  const auto own = stores.open_own();
  CHECK(must(own.images().list()).empty());
  const auto others = own.images().list_others();
  REQUIRE(others.size() == 1);
  CHECK(others[0].other_store == stores.other.path());
  CHECK(others[0].names == image.names);
  const auto found = must(own.images().find({.names = {"localhost/one:1"}, .id_prefix = {}}));
  REQUIRE(found);
  CHECK(must(own.images().read_manifest(*found)).layers.size() == 1);
  CHECK(must(own.blobs().find_size(image.config)));
  CHECK_FALSE(own.blobs().has(image.config));
  const oci::DiffId layer{digest_of("base")};
  CHECK_FALSE(must(own.layers().find(layer)));
  const auto place = must(own.layers().locate(layer));
  REQUIRE(place);
  CHECK(place->diff_path == stores.other.layers().diff_path(layer));
  must(LayerStore::check_owner(*place));
}

TEST_CASE("nothing is written to another store, and an image of both is the own one") {
  TwoStores stores;
  auto image = make_image(stores.other, {"base"}, "one");
  image.names = {"localhost/one:1"};
  must(stores.other.images().add(image));
  const auto own = stores.open_own();
  CHECK(own.images().tag(image.config, "localhost/two:1").error().code() == Errc::not_found);
  CHECK(own.images().remove(image.config, {}, nobody()).error().code() == Errc::not_found);
  must(own.images().collect());
  CHECK(must(stores.other.images().list()).size() == 1);
  CHECK(stores.other.layers().has({digest_of("base")}));
  auto mine = make_image(own, {"base"}, "one");
  must(own.images().add(mine));
  CHECK(own.images().list_others().empty());
  CHECK(own.blobs().has(image.config));
}

TEST_CASE("a damaged list of another store leaves its images out") {
  TwoStores stores;
  must(stores.other.images().add(make_image(stores.other, {"base"}, "one")));
  must(must(stores.other.dir().open_dir("images")).write_file("index.json", "{", Sync::no));
  const timespec long_ago[2] = {{1, 0}, {1, 0}};
  REQUIRE(::utimensat(AT_FDCWD, (stores.other.path() + "/images/index.json").c_str(), long_ago, 0) == 0);
  CHECK(stores.open_own().images().list_others().empty());
}

TEST_CASE("an entry that another program has written gets its full name, and its blobs wait for it") {
  TempDir dir;
  const auto store = must(Store::open(paths_below(dir.path())));
  const auto image = make_image(store, {"base"}, "one");
  Json manifest = oci::to_json(image.manifest);
  manifest.set("annotations", Json::object().set("org.opencontainers.image.ref.name", "app:2"));
  const Json index = Json::object().set("schemaVersion", 2).set("manifests", Json::array().push(manifest));
  const auto images = must(store.dir().open_dir("images"));
  // The blobs come first.
  const auto blob = must(images.open_file("blobs/sha256/" + image.config.hex(), O_RDONLY));
  REQUIRE(::fchmod(blob.get(), 0644) == 0);
  must(store.images().collect());
  CHECK(store.blobs().has(image.config));
  CHECK_FALSE(store.blobs().has(image.manifest.digest));
  must(images.write_file("index.json", dump_json(index), Sync::no));
  const auto again = make_image(store, {"base"}, "one");
  const auto found = must(store.images().list());
  REQUIRE(found.size() == 1);
  CHECK(found[0].names == std::vector<std::string>{"localhost/app:2"});
  CHECK(found[0].id == again.config);
}

TEST_CASE("a layer of another user's is not stacked on") {
  TempDir dir;
  // For root any other id will do, and to others everything that is root's.
  std::string layer = "/usr";
  if (::geteuid() == 0) {
    layer = dir.path() + "/layer";
    REQUIRE(::mkdir(layer.c_str(), 0755) == 0);
    REQUIRE(::mkdir((layer + "/share").c_str(), 0755) == 0);
    REQUIRE(::chown(layer.c_str(), 1, 1) == 0);
  }
  const LayerRecord record{.diff_id = {digest_of("x")}};
  const auto refused = LayerStore::check_owner({record, layer + "/share", "/srv/images"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Errc::unsupported);
  CHECK(refused.error().message().find("the store '/srv/images' belongs to uid") == 0);
  must(LayerStore::check_owner({record, layer + "/share", ""}));
}

TEST_CASE("a layer that is a link is not stacked on") {
  TempDir dir;
  REQUIRE(::mkdir((dir.path() + "/real").c_str(), 0755) == 0);
  REQUIRE(::symlink("/", (dir.path() + "/real/diff").c_str()) == 0);
  REQUIRE(::symlink("real", (dir.path() + "/linked").c_str()) == 0);
  const LayerRecord record{.diff_id = {digest_of("x")}};
  for (const auto* path : {"/real/diff", "/linked/diff"}) {
    CHECK(LayerStore::check_owner({record, dir.path() + path, "/srv"}).error().code() == Errc::corrupt);
  }
}

// Opening, staging and publishing.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "storage/driver.h"
#include "storage/publish.h"
#include "storage/rootfs.h"
#include "tests/unit/storage/support.h"

using namespace ctr;
using namespace ctr::storage;
using namespace ctr::storage::testing;

namespace {

oci::Descriptor describe(std::string_view content) {
  return {.media_type = "application/octet-stream",
          .digest = digest_of(content),
          .size_bytes = content.size(),
          .platform = {},
          .annotations = {}};
}

oci::DiffId diff_id(std::string_view content) { return {digest_of(content)}; }

size_t entries(const Store& store, const std::string& area) {
  return must(must(store.dir().open_dir(area)).list()).size();
}

LayerRecord record_of(const oci::DiffId& id) {
  return {.diff_id = id, .size_bytes = 1, .files = 1, .is_opaque_root = false};
}

}  // namespace

TEST_CASE("a store is made for the user alone and opens again") {
  TempDir temp;
  auto paths = paths_below(temp.path());
  {
    auto store = must(Store::open(paths));
  }
  auto store = must(Store::open(paths));
  CHECK((must_stat(temp.dir(), "data/ctr").st_mode & 07777) == 0700);
  CHECK(must(store.containers().list()).empty());
  CHECK(must(store.images().list()).empty());
  (void)must(store.open_run_dir());
  CHECK((must_stat(temp.dir(), "run/ctr").st_mode & 07777) == 0700);
}

TEST_CASE("a store of a newer ctr is refused with both numbers") {
  TempDir temp;
  auto paths = paths_below(temp.path());
  {
    auto store = must(Store::open(paths));
  }
  must(must(Dir::open(paths.store)).write_file("schema.json", "{\"schema\":7}", Sync::no));
  auto store = Store::open(paths);
  REQUIRE_FALSE(store);
  CHECK(store.error().code() == Errc::unsupported);
  CHECK(store.error().text().find("schema 7") != std::string::npos);
  CHECK(store.error().text().find("up to 1") != std::string::npos);
}

TEST_CASE("a blob is visible only after its digest was right") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  auto blob = describe("hello");
  {
    auto staging = must(store.blobs().begin(blob));
    REQUIRE(staging);
    must(staging->append("hel"));
    CHECK_FALSE(store.blobs().has(blob.digest));
    must(staging->append("lo"));
    must(staging->commit());
  }
  CHECK(must(store.blobs().read(blob.digest)) == "hello");
  CHECK_FALSE(must(store.blobs().begin(blob)));
  CHECK(entries(store, "images/.partial") == 0);
}

TEST_CASE("a broken transfer goes on where it stopped") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  auto blob = describe("hello");
  {
    must(must(store.blobs().begin(blob))->append("hel"));
  }
  auto staging = must(store.blobs().begin(blob));
  REQUIRE(staging);
  CHECK(staging->size_bytes() == 3);
  CHECK(staging->is_resumed());
  must(staging->append("lo"));
  must(staging->commit());
  CHECK(store.blobs().has(blob.digest));
}

TEST_CASE("wrong content is refused, leaves nothing, and can be fetched again") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  auto blob = describe("hello");
  {
    auto staging = must(store.blobs().begin(blob));
    must(staging->append("jello"));
    auto verified = staging->verify();
    REQUIRE_FALSE(verified);
    CHECK(verified.error().code() == Errc::corrupt);
    must(staging->append("hell"));
    CHECK(staging->verify().error().code() == Errc::corrupt);
    CHECK(staging->append("hello!").error().code() == Errc::corrupt);
  }
  CHECK(entries(store, "images/.partial") == 0);
  auto again = must(store.blobs().begin(blob));
  must(again->append("hello"));
  must(again->commit());
}

TEST_CASE("a damaged blob in the store is noticed when it is read") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  auto blob = describe("hello");
  must(must(store.blobs().stage("hello", blob))->commit());
  must(must(store.dir().open_dir("images/blobs/sha256")).write_file(blob.digest.hex(), "jello", Sync::no));
  CHECK(store.blobs().read(blob.digest).error().code() == Errc::corrupt);
}

TEST_CASE("everything of a pull becomes visible by one publish") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  auto id = diff_id("layer");
  auto blobs = must(store.blobs().begin_all({describe("one"), describe("two"), describe("one")}));
  REQUIRE(blobs[0]);
  REQUIRE(blobs[1]);
  CHECK_FALSE(blobs[2]);
  auto layers = must(store.layers().begin_all({id, id}));
  REQUIRE(layers[0]);
  CHECK_FALSE(layers[1]);
  must(blobs[0]->append("one"));
  must(blobs[1]->append("two"));
  must(layers[0]->diff().write_file("f", "x", Sync::no));
  must(layers[0]->finish(record_of(id)));
  Publish publish(store.root());
  publish.add(std::move(*blobs[0]));
  publish.add(std::move(*blobs[1]));
  publish.add(std::move(*layers[0]));
  CHECK_FALSE(store.layers().has(id));
  must(publish.commit());
  CHECK(store.blobs().has(digest_of("one")));
  CHECK(store.blobs().has(digest_of("two")));
  CHECK(must(store.layers().find(id)) == record_of(id));
  CHECK(must(must(store.layers().open_diff(id)).read_file("f")) == "x");
  CHECK(must(store.layers().list()).size() == 1);
  CHECK(entries(store, "layers/.staging") == 0);
}

TEST_CASE("a layer with another digest than the image says is refused") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  auto staging = must(store.layers().begin(diff_id("a")));
  CHECK(staging->finish(record_of(diff_id("b"))).error().code() == Errc::corrupt);
}

TEST_CASE("a layer that is given up goes to the trash at once") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  {
    auto staging = must(store.layers().begin(diff_id("a")));
    must(staging->diff().write_file("f", "x", Sync::no));
    must(staging->restart());
    CHECK(must(staging->diff().list()).empty());
  }
  CHECK(entries(store, "layers/.staging") == 0);
  CHECK_FALSE(must(store.trash().is_empty()));
  CHECK(must(store.trash().reclaim()).left == 0);
  CHECK(must(store.trash().is_empty()));
}

TEST_CASE("staging directories of dead processes are swept, those of living ones stay") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  auto alive = must(store.layers().begin(diff_id("alive")));
  auto staging = must(store.dir().open_dir("layers/.staging"));
  must(staging.make_dir("0123", 0700));
  must(staging.make_dir("0123/diff", 0755));
  must(store.sweep());
  CHECK(must(staging.list()).size() == 1);
  CHECK_FALSE(must(store.trash().is_empty()));
}

TEST_CASE("names, pins and locks of dead processes are swept, those of living ones stay") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  auto unpacking = must(store.layers().begin(diff_id("alive")));
  auto creation = must(store.containers().begin(ContainerId::make_random(), "creation"));
  auto container = must(store.containers().begin(ContainerId::make_random(), "container"));
  must(container.commit());
  auto pin = must(store.images().pin());
  auto names = must(store.dir().open_dir("names"));
  must(names.make_symlink("../containers/" + ContainerId::make_random().text(), "dead"));
  must(must(store.dir().open_dir("images/.pins")).write_file("dead", "", Sync::no));
  must(must(store.dir().open_dir("layers/.locks")).write_file(digest_of("dead").hex(), "", Sync::no));
  must(store.sweep());
  CHECK(must(names.list()).size() == 2);
  CHECK_FALSE(names.exists("dead"));
  CHECK(entries(store, "images/.pins") == 1);
  CHECK(entries(store, "layers/.locks") == 1);
  // A layer that is given up takes its lock along.
  unpacking.reset();
  CHECK(entries(store, "layers/.locks") == 0);
}

TEST_CASE("old partial blobs are dropped, fresh ones are kept for the next pull") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  {
    must(must(store.blobs().begin(describe("old blob")))->append("old"));
  }
  {
    must(must(store.blobs().begin(describe("new blob")))->append("new"));
  }
  auto partials = must(store.dir().open_dir("images/.partial"));
  std::string old_name = "sha256-" + digest_of("old blob").hex();
  timespec times[2] = {{1'000'000, 0}, {1'000'000, 0}};
  REQUIRE(::utimensat(partials.fd(), old_name.c_str(), times, 0) == 0);
  must(store.sweep());
  CHECK_FALSE(partials.exists(old_name));
  CHECK(must(partials.list()).size() == 1);
  must(store.blobs().drop_partials(BlobStore::Partials::all));
  CHECK(must(partials.list()).empty());
}

TEST_CASE("reset empties the store, but not under another process") {
  TempDir temp;
  auto paths = paths_below(temp.path());
  {
    auto store = must(Store::open(paths));
    must(must(store.blobs().stage("hello", describe("hello")))->commit());
  }
  must(reset_store(paths));
  auto store = must(Store::open(paths));
  CHECK_FALSE(store.blobs().has(digest_of("hello")));
  CHECK(must(store.trash().reclaim()).needs_id_map == 0);
  CHECK(must(store.trash().is_empty()));
}

TEST_CASE("the overlay driver is chosen once and kept") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  CHECK_FALSE(must(find_driver(store.root())));
  CHECK(must(get_driver(store.root(), [] { return Result<bool>(false); })) == OverlayDriver::fuse);
  CHECK(must(get_driver(store.root(), [] { return Result<bool>(true); })) == OverlayDriver::fuse);
  must(store.dir().write_file("driver", "vfs\n", Sync::no));
  CHECK(find_driver(store.root()).error().code() == Errc::corrupt);
}

TEST_CASE("a rootfs stacks layers top first, and stops below a layer that hides the rest") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  for (const char* name : {"base", "middle", "top"}) {
    auto staging = must(store.layers().begin(diff_id(name)));
    auto record = record_of(diff_id(name));
    record.is_opaque_root = name == std::string_view("middle");
    must(staging->finish(record));
    must(staging->commit());
  }
  auto id = ContainerId::make_random();
  auto spec = must(make_rootfs(store, OverlayDriver::native, {diff_id("base"), diff_id("middle"), diff_id("top")}, id));
  REQUIRE(spec.lower.size() == 2);
  CHECK(spec.lower[0] == store.layers().diff_path(diff_id("top")));
  CHECK(spec.upper == store.containers().path(id) + "/rw/upper");
  // Overlay refuses a directory that is there twice; the upper one of two equal layers is enough.
  auto twice = must(make_rootfs(store, OverlayDriver::native, {diff_id("top"), diff_id("middle"), diff_id("top")}, id));
  CHECK(twice.lower == spec.lower);
  spec.lower = {"/a:b", "/c,d"};
  spec.upper = "/u";
  spec.work = "/w";
  CHECK(overlay_options(spec) == "lowerdir=/a\\:b:/c\\,d,upperdir=/u,workdir=/w,userxattr");
  auto missing = make_rootfs(store, OverlayDriver::native, {diff_id("gone")}, id);
  CHECK(missing.error().code() == Errc::not_found);
}

TEST_CASE("a volume is made once and keeps its record") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  const auto volumes = store.volumes();
  VolumeRecord wanted;
  wanted.name = "data";
  wanted.labels = {{"a", "b"}};
  wanted.options = {{"type", "tmpfs"}};
  wanted.uid = 7;
  wanted.needs_chown = false;
  CHECK(must(volumes.hold_or_make(wanted, Sync::yes)).is_new);
  CHECK_FALSE(must(volumes.hold_or_make(wanted, Sync::yes)).is_new);
  CHECK(volumes.make(wanted, Sync::yes).error().code() == Errc::exists);
  CHECK(must(volumes.list()) == std::vector<VolumeRecord>{wanted});
  CHECK((must_stat(must(volumes.open_data("data")), ".").st_mode & 07777) == 0755);
  CHECK(volumes.find("../etc").error().code() == Errc::invalid);
  CHECK_FALSE(must(volumes.hold("other", LockMode::shared)));

  must(volumes.remove(*must(volumes.hold("data", LockMode::exclusive))));
  CHECK_FALSE(must(volumes.find("data")));
  CHECK_FALSE(must(volumes.hold("data", LockMode::exclusive)));
}

TEST_CASE("a volume that could not be prepared is not there") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  const auto refuse = [](const Dir&) -> Result<void> { return Error(Errc::io, "no"); };
  CHECK(store.volumes().make({.name = "data", .labels = {}, .options = {}}, Sync::no, refuse).error().message() ==
        "no");
  CHECK(must(store.volumes().list()).empty());
}

TEST_CASE("who waits for a volume that is removed meanwhile gets a fresh one") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  const auto volumes = store.volumes();
  VolumeRecord wanted;
  wanted.name = "data";
  must(volumes.make(wanted, Sync::no));
  auto held = must(volumes.hold("data", LockMode::exclusive));
  must(must(volumes.open_data("data")).write_file("old", "", Sync::no));
  // Another process asks for the volume while this one holds it, and waits.
  std::thread waiter([&] {
    auto other = must(Store::open(paths_below(temp.path())));
    const auto made = must(other.volumes().hold_or_make(wanted, Sync::no));
    CHECK_FALSE(must(made.held.dir.open_dir(k_volume_data)).exists("old"));
  });
  must(volumes.remove(*held));
  held.reset();
  waiter.join();
  CHECK(must(volumes.list()).size() == 1);
}

TEST_CASE("volumes of before remember that they were filled, later ones are refused") {
  TempDir temp;
  auto store = must(Store::open(paths_below(temp.path())));
  must(store.volumes().make({.name = "data", .labels = {}, .options = {}}, Sync::no));
  const auto dir = must(store.dir().open_dir("volumes/data"));
  const std::string common = R"("name": "data", "driver": "local", "created": "2026-01-02T03:04:05Z"})";
  must(dir.write_file("volume.json", R"({"schema": 1, )" + common, Sync::no));
  CHECK_FALSE(must(store.volumes().find("data"))->needs_copy_up);
  must(dir.write_file("volume.json", R"({"schema": 2, )" + common, Sync::no));
  const auto later = store.volumes().find("data");
  CHECK(later.error().code() == Errc::unsupported);
  CHECK(later.error().message().find("schema 2") != std::string::npos);
}

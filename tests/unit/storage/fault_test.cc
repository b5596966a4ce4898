// Every operation of the store is killed, and made to fail, at each of its system calls that change files; then the
// store must be whole, the operation must work when it is run again, and nothing must be left behind.
#include <unistd.h>

#include <set>

#include "base/oci/manifest.h"
#include "storage/publish.h"
#include "tests/unit/storage/support.h"
#include "tests/unit/storage/traced.h"

using namespace ctr;
using namespace ctr::storage;
using namespace ctr::storage::testing;

namespace {

constexpr const char* k_manifest_type = "application/vnd.oci.image.manifest.v1+json";

// In memory where there is such a file system: each case syncs, and there are some hundred of them.
std::string fast_base() { return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : ""; }

oci::Descriptor describe(std::string_view content, std::string media_type) {
  return {.media_type = std::move(media_type),
          .digest = digest_of(content),
          .size_bytes = content.size(),
          .platform = {},
          .annotations = {}};
}

struct Documents {
  std::string layer;  // also the tar, whose digest is the diff id
  std::string config;
  std::string manifest;
};

Documents make_documents(const std::string& variant) {
  Documents documents;
  documents.layer = "layer of " + variant;
  Json config = Json::object();
  config.set("architecture", "amd64").set("os", "linux").set("config", Json::object());
  Json diff_ids = Json::array();
  diff_ids.push(digest_of(documents.layer).to_string());
  config.set("rootfs", Json::object().set("type", "layers").set("diff_ids", std::move(diff_ids)));
  documents.config = dump_json(config);
  oci::Manifest manifest{.media_type = k_manifest_type,
                         .config = describe(documents.config, "application/vnd.oci.image.config.v1+json"),
                         .layers = {describe(documents.layer, "application/vnd.oci.image.layer.v1.tar")},
                         .annotations = {}};
  documents.manifest = dump_json(oci::to_json(manifest));
  return documents;
}

// What a pull does to the store.
Result<void> pull(const Store& store, const std::string& variant, const std::string& name) {
  Documents documents = make_documents(variant);
  oci::DiffId diff_id{digest_of(documents.layer)};
  auto pin = TRY(store.images().pin());
  TRY(pin.add({digest_of(documents.layer), digest_of(documents.config), digest_of(documents.manifest)}, {diff_id}));
  Publish publish(store.root());
  std::vector<std::string> contents = {documents.layer, documents.config, documents.manifest};
  auto blobs =
      TRY(store.blobs().begin_all({describe(contents[0], ""), describe(contents[1], ""), describe(contents[2], "")}));
  for (size_t i = 0; i < blobs.size(); ++i) {
    if (!blobs[i]) continue;
    TRY(blobs[i]->restart());
    TRY(blobs[i]->append(contents[i].substr(0, 4)));
    TRY(blobs[i]->append(contents[i].substr(4)));
    TRY(blobs[i]->verify());
    publish.add(std::move(*blobs[i]));
  }
  auto layers = TRY(store.layers().begin_all({diff_id}));
  if (layers[0]) {
    TRY(layers[0]->diff().write_file("f", "content", Sync::no));
    TRY(layers[0]->finish({.diff_id = diff_id}));
    publish.add(std::move(*layers[0]));
  }
  TRY(publish.commit());
  return store.images().add({.manifest = describe(documents.manifest, k_manifest_type),
                             .config = digest_of(documents.config),
                             .names = {name},
                             .repo_digests = {},
                             .size_bytes = 1,
                             .created = {},
                             .stored_at = from_unix_seconds(1)});
}

Result<void> remove_image(const Store& store, const std::string& name) {
  auto found = TRY(store.images().find({{name}, ""}));
  if (!found) return ok();
  auto nobody = [](const Digest&) { return Result<std::optional<std::string>>(std::optional<std::string>()); };
  (void)TRY(store.images().remove(found->id, {.name = name}, nobody));
  return ok();
}

Result<void> create(const Store& store, const std::string& name) {
  if (store.containers().resolve(name)) return ok();
  auto staging = TRY(store.containers().begin(ContainerId::make_random(), name));
  TRY(staging.dir().write_file("container.json", "{}", Sync::yes));
  return staging.commit();
}

Result<void> remove_container(const Store& store, const std::string& name) {
  auto found = store.containers().resolve(name);
  return found ? store.containers().remove(found->id) : ok();
}

Result<void> make_secret(const Store& store, const std::string& data) {
  SecretRecord wanted;
  wanted.name = "pass";
  return store.secrets().make(wanted, data, SecretStore::IfExists::replace) ? ok() : Error(Errc::io, "make secret");
}

Result<void> make_volume(const Store& store) {
  return store.volumes().make({.name = "data", .labels = {}, .options = {}}, Sync::yes);
}

// What must hold whatever happened.
Result<void> check_whole(const Store& store) {
  for (const auto& image : TRY(store.images().list())) {
    auto manifest = TRY(store.images().read_manifest(image));
    for (const auto& layer : manifest.layers) (void)TRY(store.blobs().read(layer.digest));
    for (const auto& diff_id : TRY(store.images().read_config(image)).diff_ids) {
      if (TRY(TRY(store.layers().open_diff(diff_id)).read_file("f")) != "content") return Error(Errc::corrupt, "layer");
    }
  }
  std::set<std::string> names;
  for (const auto& entry : TRY(store.containers().list())) {
    Dir dir = TRY(store.containers().open(entry.id));
    if (TRY(dir.read_file("container.json")) != "{}") return Error(Errc::corrupt, "container");
    if (!dir.exists("lock") || !dir.exists("alive") || !dir.exists("rw/upper"))
      return Error(Errc::corrupt, "container");
    if (entry.name.empty() || !names.insert(entry.name).second) return Error(Errc::corrupt, "name");
  }
  for (const auto& volume : TRY(store.volumes().list())) (void)TRY(store.volumes().open_data(volume.name));
  for (const auto& secret : TRY(store.secrets().list())) {
    const auto data = TRY(store.secrets().read(secret));
    if (data != "one" && data != "two") return Error(Errc::corrupt, "secret");
  }
  return ok();
}

Result<size_t> count_entries(const Store& store, const char* area) {
  auto dir = store.dir().open_dir(area);
  return dir ? TRY(dir->list()).size() : 0;
}

Result<void> check_clean(const Store& store) {
  TRY(store.sweep());
  TRY(store.blobs().drop_partials(BlobStore::Partials::all));
  if (TRY(store.images().collect()).deleted) return Error(Errc::internal, "collect deletes no images");
  (void)TRY(store.trash().reclaim());
  if (!TRY(store.trash().is_empty())) return Error(Errc::internal, "the trash is not empty");
  for (const char* area : {"layers/.staging", "containers/.staging", "volumes/.staging", "secrets/.staging",
                           "images/.partial", "images/.pins"}) {
    if (TRY(count_entries(store, area)) > 0) return Error(Errc::internal, std::string(area) + " is not empty");
  }
  if (TRY(count_entries(store, "names")) != TRY(store.containers().list()).size())
    return Error(Errc::internal, "a name is left");
  if (TRY(count_entries(store, "layers/.locks")) > TRY(store.layers().list()).size())
    return Error(Errc::internal, "a lock is left");
  return ok();
}

struct Operation {
  const char* what;
  std::function<Result<void>(const Store&)> prepare;
  std::function<Result<void>(const Store&)> act;
};

Result<void> nothing(const Store&) { return ok(); }

std::vector<Operation> operations() {
  return {
      {"open", nothing, nothing},
      {"pull", nothing, [](const Store& s) { return pull(s, "one", "r/x:1"); }},
      {"pull again", [](const Store& s) { return pull(s, "one", "r/x:1"); },
       [](const Store& s) { return pull(s, "two", "r/x:1"); }},
      {"remove image", [](const Store& s) { return pull(s, "one", "r/x:1"); },
       [](const Store& s) { return remove_image(s, "r/x:1"); }},
      {"create", nothing, [](const Store& s) { return create(s, "web"); }},
      {"remove container", [](const Store& s) { return create(s, "web"); },
       [](const Store& s) { return remove_container(s, "web"); }},
      {"rename", [](const Store& s) { return create(s, "web"); },
       [](const Store& s) -> Result<void> {
         auto found = s.containers().resolve("web");
         return found ? s.containers().rename(found->id, "www") : ok();
       }},
      {"volume", nothing,
       [](const Store& s) -> Result<void> {
         (void)TRY(s.volumes().hold_or_make({.name = "data", .labels = {}, .options = {}}, Sync::yes));
         return ok();
       }},
      {"update volume", make_volume,
       [](const Store& s) -> Result<void> {
         auto held = TRY(s.volumes().hold("data", LockMode::exclusive));
         if (!held) return Error(Errc::not_found, "data");
         held->record.needs_copy_up = false;
         return s.volumes().update(*held);
       }},
      {"remove volume", make_volume,
       [](const Store& s) -> Result<void> {
         const auto held = TRY(s.volumes().hold("data", LockMode::exclusive));
         return held ? s.volumes().remove(*held) : ok();
       }},
      {"secret", nothing, [](const Store& s) { return make_secret(s, "one"); }},
      {"replace secret", [](const Store& s) { return make_secret(s, "one"); },
       [](const Store& s) { return make_secret(s, "two"); }},
      {"remove secret", [](const Store& s) { return make_secret(s, "one"); },
       [](const Store& s) -> Result<void> {
         const auto found = s.secrets().find("pass");
         return found ? s.secrets().remove(found->id) : ok();
       }},
      {"reclaim",
       [](const Store& s) -> Result<void> {
         TRY(create(s, "web"));
         return remove_container(s, "web");
       },
       [](const Store& s) -> Result<void> {
         (void)TRY(s.trash().reclaim());
         return ok();
       }},
  };
}

bool act_on(const UserPaths& paths, const Operation& operation) {
  auto store = Store::open(paths);
  return store && operation.act(*store);
}

// Strikes once, then repairs; false when the operation has fewer calls than `number`.
bool strike(Fault fault, int number, const Operation& operation) {
  TempDir temp(fast_base());
  auto paths = paths_below(temp.path());
  if (operation.what != std::string_view("open")) must(operation.prepare(must(Store::open(paths))));
  auto traced = run_with_fault(fault, number, [&] { return act_on(paths, operation); });
  INFO(operation.what << ", call " << number);
  CHECK_FALSE(traced.is_crash);
  auto store = must(Store::open(paths));
  must(check_whole(store));
  must(operation.act(store));
  must(check_whole(store));
  must(check_clean(store));
  must(check_whole(store));
  return traced.is_hit;
}

void strike_everywhere(Fault fault) {
  for (const auto& operation : operations()) {
    int number = 1;
    while (strike(fault, number, operation)) ++number;
    CHECK(number > 1);
  }
}

}  // namespace

TEST_CASE("a kill at any step leaves a whole store and a command that works") { strike_everywhere(Fault::kill); }

TEST_CASE("a full disk at any step leaves a whole store") {
  if (can_inject_errors()) strike_everywhere(Fault::no_space);
}

TEST_CASE("an input/output error at any step leaves a whole store") {
  if (can_inject_errors()) strike_everywhere(Fault::io_error);
}

TEST_CASE("too few descriptors at any step leave a whole store") {
  if (can_inject_errors()) strike_everywhere(Fault::too_many_files);
}

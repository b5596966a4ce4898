#include "storage/store.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <chrono>

#include "base/json.h"
#include "base/wait.h"
#include "storage/other_store.h"
#include "storage/root.h"
#include "storage/staging.h"

namespace ctr::storage {
namespace {

constexpr const char* k_schema_name = "schema.json";
constexpr const char* k_lock_name = "store.lock";

Result<std::optional<int64_t>> read_schema(const Dir& dir) {
  auto text = dir.read_file(k_schema_name, 4096);
  if (!text && text.error().sys() == ENOENT) return std::optional<int64_t>();
  std::string what = "'" + dir.path() + "/" + k_schema_name + "'";
  Json json = TRY(parse_json(TRY(std::move(text)), what));
  JsonReader reader(json, what);
  TRY(reader.expect_object());
  return std::optional(TRY(reader.get_int("schema")));
}

Result<void> write_schema(const Dir& dir) {
  return dir.write_file(k_schema_name, dump_json(Json::object().set("schema", k_store_schema)) + "\n", Sync::yes);
}

// Schema 1 is the first: older numbers were never written.
Result<void> check_schema(const Dir& dir, int64_t schema) {
  if (schema == k_store_schema) return ok();
  if (schema > k_store_schema) {
    return Error(Errc::unsupported, fmt::format("the store '{}' has schema {}, and this ctr knows schemas up to {}",
                                                dir.path(), schema, k_store_schema))
        .with_hint("use the newer ctr that wrote it, or another XDG_DATA_HOME");
  }
  return Error(Errc::corrupt, fmt::format("the store '{}' has the unknown schema {}", dir.path(), schema));
}

Result<FileLock> lock_store(const Dir& dir, LockMode mode, const CancelToken& cancel, DebugLog* log) {
  return FileLock::acquire(dir, k_lock_name, mode, cancel, [&](pid_t holder) {
    if (log != nullptr) log->warn(fmt::format("waiting for the store '{}', held by process {}", dir.path(), holder));
  });
}

Result<Dir> open_store_dir(const std::string& path) {
  auto dir = Dir::open(path);
  if (!dir && dir.error().sys() == ENOENT) dir = Dir::open_or_make(path, 0700);
  if (!dir) return std::move(dir).error().context("open the store");
  return dir;
}

Result<std::unique_ptr<StoreRoot>> open_own_store(const std::string& path, const UserPaths& paths,
                                                  const CancelToken& cancel, DebugLog* log,
                                                  StoreRoot::FindStores find_others) {
  Dir dir = TRY(open_store_dir(path));
  FileLock lock = TRY(lock_store(dir, LockMode::shared, cancel, log));
  auto schema = TRY(read_schema(dir));
  if (schema) {
    TRY(check_schema(dir, *schema));
  } else {
    TRY(write_schema(dir));
  }
  return std::make_unique<StoreRoot>(std::move(dir), std::move(lock), paths.run, log, std::move(find_others));
}

}  // namespace

Store::Store(std::unique_ptr<StoreRoot> root, std::unique_ptr<StoreRoot> image_root)
    : root_(std::move(root)), image_root_(std::move(image_root)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const UserPaths& paths, const CancelToken& cancel, DebugLog* log) {
  auto root = TRY(open_own_store(paths.store, paths, cancel, log, paths.image_stores));
  if (paths.image_store.empty() || paths.image_store == paths.store) return Store(std::move(root), nullptr);
  // What the store itself has of images is no longer written to, and used like that of others.
  const auto find_others = [store = paths.store, find = paths.image_stores] {
    auto stores = find ? find() : std::vector<std::string>();
    if (path_exists(store + "/images")) stores.insert(stores.begin(), store);
    return stores;
  };
  auto image_root = TRY(open_own_store(paths.image_store, paths, cancel, log, find_others).context("the image store"));
  return Store(std::move(root), std::move(image_root));
}

Result<std::unique_ptr<StoreRoot>> open_other_store(const std::string& path, DebugLog* log) {
  Dir dir = TRY(Dir::open(path));
  const auto schema = TRY(read_schema(dir));
  if (!schema) {
    return Error(Errc::unsupported, "it is no store of ctr's: it has no " + std::string(k_schema_name));
  }
  TRY(check_schema(dir, *schema));
  if (!dir.exists("images")) return Error(Errc::corrupt, "it has no images");
  return std::make_unique<StoreRoot>(std::move(dir), FileLock::adopt(Fd()), "", log);
}

const Dir& Store::dir() const { return root_->dir(); }
const std::string& Store::path() const { return root_->dir().path(); }
Result<Dir> Store::open_run_dir() const { return Dir::open_or_make(root_->run_path(), 0700); }

BlobStore Store::blobs() const { return BlobStore(image_root()); }
ImageStore Store::images() const { return ImageStore(image_root()); }
LayerStore Store::layers() const { return LayerStore(image_root()); }
ContainerDirs Store::containers() const { return ContainerDirs(*root_); }
ContainerDirs Store::pods() const { return ContainerDirs(*root_, ContainerDirs::Kind::pods); }
VolumeStore Store::volumes() const { return VolumeStore(*root_); }
SecretStore Store::secrets() const { return SecretStore(*root_); }
Trash Store::trash() const { return Trash(*root_); }
Trash Store::image_trash() const { return Trash(image_root()); }
Quarantine Store::quarantine() const { return Quarantine(image_root()); }

Result<void> Store::sweep(size_t limit) const {
  (void)TRY(sweep_staging(image_root(), Area::layer_staging, limit));
  for (Area area : {Area::container_staging, Area::pod_staging, Area::volume_staging, Area::secret_staging}) {
    (void)TRY(sweep_staging(*root_, area, limit));
  }
  TRY(layers().sweep_locks(limit));
  TRY(containers().sweep_names(limit));
  TRY(pods().sweep_names(limit));
  TRY(images().sweep_pins());
  return blobs().drop_partials(BlobStore::Partials::expired);
}

namespace {

Result<void> reset_one(const std::string& path, const UserPaths& paths, const CancelToken& cancel) {
  Dir dir = TRY(open_store_dir(path));
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::optional<FileLock> lock;
  while (!(lock = TRY(FileLock::try_acquire(dir, k_lock_name, LockMode::exclusive)))) {
    TRY(cancel.check());
    if (std::chrono::steady_clock::now() > deadline) {
      return Error(Errc::in_use, "the store '" + dir.path() + "' is in use by another ctr process");
    }
    // flock(2) knows no deadline: it is asked again after each pause, which a cancellation ends.
    (void)wait_for(-1, 0, cancel, std::chrono::milliseconds(20));
  }
  StoreRoot root(std::move(dir), std::move(*lock), paths.run, nullptr);
  for (const auto& name : TRY(root.dir().list())) {
    if (name == "trash" || name == k_lock_name || name == k_schema_name) continue;
    TRY(Trash(root).discard(root.dir(), name));
  }
  return ok();
}

}  // namespace

Result<void> reset_store(const UserPaths& paths, const CancelToken& cancel) {
  TRY(reset_one(paths.store, paths, cancel));
  if (paths.image_store.empty() || paths.image_store == paths.store) return ok();
  return reset_one(paths.image_store, paths, cancel);
}

}  // namespace ctr::storage

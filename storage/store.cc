#include "storage/store.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <chrono>

#include "base/json.h"
#include "base/wait.h"
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

}  // namespace

Store::Store(std::unique_ptr<StoreRoot> root) : root_(std::move(root)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const UserPaths& paths, const CancelToken& cancel, DebugLog* log) {
  Dir dir = TRY(open_store_dir(paths.store));
  FileLock lock = TRY(lock_store(dir, LockMode::shared, cancel, log));
  auto schema = TRY(read_schema(dir));
  if (schema) {
    TRY(check_schema(dir, *schema));
  } else {
    TRY(write_schema(dir));
  }
  return Store(std::make_unique<StoreRoot>(std::move(dir), std::move(lock), paths.run, log));
}

const Dir& Store::dir() const { return root_->dir(); }
const std::string& Store::path() const { return root_->dir().path(); }
Result<Dir> Store::open_run_dir() const { return Dir::open_or_make(root_->run_path(), 0700); }

BlobStore Store::blobs() const { return BlobStore(*root_); }
ImageStore Store::images() const { return ImageStore(*root_); }
LayerStore Store::layers() const { return LayerStore(*root_); }
ContainerDirs Store::containers() const { return ContainerDirs(*root_); }
VolumeStore Store::volumes() const { return VolumeStore(*root_); }
SecretStore Store::secrets() const { return SecretStore(*root_); }
Trash Store::trash() const { return Trash(*root_); }
Quarantine Store::quarantine() const { return Quarantine(*root_); }

Result<void> Store::sweep(size_t limit) const {
  for (Area area : {Area::layer_staging, Area::container_staging, Area::volume_staging, Area::secret_staging}) {
    (void)TRY(sweep_staging(*root_, area, limit));
  }
  TRY(layers().sweep_locks(limit));
  TRY(containers().sweep_names(limit));
  TRY(images().sweep_pins());
  return blobs().drop_partials(BlobStore::Partials::expired);
}

Result<void> reset_store(const UserPaths& paths, const CancelToken& cancel) {
  Dir dir = TRY(open_store_dir(paths.store));
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

}  // namespace ctr::storage

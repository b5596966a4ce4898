#include "storage/layers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "base/json.h"
#include "base/random.h"
#include "storage/quarantine.h"
#include "storage/root.h"
#include "storage/staging.h"
#include "storage/trash.h"

namespace ctr::storage {
namespace {

constexpr const char* k_record_name = "layer.json";
constexpr const char* k_diff_name = "diff";

Json to_json(const LayerRecord& record) {
  return Json::object()
      .set("schema", 1)
      .set("diffId", record.diff_id.digest.to_string())
      .set("size", record.size_bytes)
      .set("files", record.files)
      .set("opaqueRoot", record.is_opaque_root);
}

Result<LayerRecord> layer_from_json(const JsonReader& reader) {
  TRY(reader.expect_object());
  return LayerRecord{
      .diff_id = {TRY(Digest::parse(TRY(reader.get_string("diffId"))))},
      .size_bytes = TRY(reader.get_uint("size")),
      .files = TRY(reader.get_uint("files")),
      .is_opaque_root = TRY(reader.bool_or("opaqueRoot", false)),
  };
}

Result<Dir> make_diff(const Dir& staging) {
  TRY(staging.make_dir(k_diff_name, 0755));
  return staging.open_dir(k_diff_name);
}

// The directory name: the hex of sha256, which every diff id in use has; the algorithm in front for others.
std::string layer_name(const oci::DiffId& diff_id) {
  const Digest& digest = diff_id.digest;
  if (digest.algorithm() == DigestAlgorithm::sha256) return digest.hex();
  return std::string(digest.algorithm_name()) + "-" + digest.hex();
}

// Who held the lock before may have removed its file: then this is a lock without a name, and another one is made.
Result<FileLock> lock_layer(const StoreRoot& root, const oci::DiffId& diff_id, const CancelToken& cancel) {
  const std::string what = "layer '" + diff_id.digest.to_string() + "'";
  while (true) {
    FileLock lock = TRY(root.lock(Area::layer_locks, layer_name(diff_id), LockMode::exclusive, cancel, what));
    struct stat file{};
    if (::fstat(lock.fd(), &file) < 0) return Error::from_errno("stat the lock of " + what);
    if (file.st_nlink > 0) return lock;
  }
}

Result<Digest> digest_of_layer_name(const std::string& name) {
  size_t dash = name.find('-');
  if (dash == std::string::npos) return Digest::parse("sha256:" + name);
  return Digest::parse(name.substr(0, dash) + ":" + name.substr(dash + 1));
}

}  // namespace

// The lock of the diff id is released after the staging directory is published or in the trash: members are destroyed
// in reverse order.
struct LayerStaging::State {
  const StoreRoot* root;
  oci::DiffId diff_id;
  FileLock lock;
  StagingDir staging;
  Dir diff;
  bool finished = false;
  bool is_there = false;  // under its final name

  State(const StoreRoot& root_in, oci::DiffId id, FileLock lock_in, StagingDir staging_in, Dir diff_in)
      : root(&root_in),
        diff_id(std::move(id)),
        lock(std::move(lock_in)),
        staging(std::move(staging_in)),
        diff(std::move(diff_in)) {}
  ~State() {
    if (is_there) return;
    auto locks = root->area(Area::layer_locks);
    if (locks) (*locks)->remove_file(layer_name(diff_id)).ignore("a later sweep takes it, since it is free then");
  }
};

LayerStaging::LayerStaging(std::unique_ptr<State> state) : state_(std::move(state)) {}
LayerStaging::LayerStaging(LayerStaging&&) noexcept = default;
LayerStaging& LayerStaging::operator=(LayerStaging&&) noexcept = default;
LayerStaging::~LayerStaging() = default;

const oci::DiffId& LayerStaging::diff_id() const { return state_->diff_id; }
const Dir& LayerStaging::diff() const { return state_->diff; }

Result<void> LayerStaging::restart() {
  const Dir& dir = state_->staging.dir();
  TRY(Trash(*state_->root).discard(dir, k_diff_name));
  state_->diff = TRY(make_diff(dir));
  state_->finished = false;
  return ok();
}

Result<void> LayerStaging::finish(const LayerRecord& record) {
  if (record.diff_id != state_->diff_id) {
    return Error(Errc::corrupt, "the uncompressed layer has the digest '" + record.diff_id.digest.to_string() +
                                    "', but the image says '" + state_->diff_id.digest.to_string() + "'");
  }
  TRY(state_->staging.dir().write_file(k_record_name, dump_json(to_json(record)), Sync::no));
  state_->finished = true;
  return ok();
}

Result<void> LayerStaging::rename_into_place() {
  CTR_ASSERT(state_->finished);
  const Dir* layers = TRY(state_->root->area(Area::layers));
  auto moved = state_->staging.publish(*layers, layer_name(state_->diff_id));
  if (!moved && moved.error().code() != Errc::exists) return moved;
  state_->is_there = true;
  return ok();
}

Result<void> LayerStaging::commit() {
  TRY(sync_file_system(state_->root->dir()));
  TRY(rename_into_place());
  return TRY(state_->root->area(Area::layers))->sync();
}

bool LayerStore::has(const oci::DiffId& diff_id) const {
  auto layers = root_->find_area(Area::layers);
  return layers && *layers != nullptr && (*layers)->exists(layer_name(diff_id));
}

Result<std::optional<LayerRecord>> LayerStore::find(const oci::DiffId& diff_id) const {
  const Dir* layers = TRY(root_->find_area(Area::layers));
  if (layers == nullptr) return std::optional<LayerRecord>();
  std::string name = layer_name(diff_id) + "/" + k_record_name;
  auto text = layers->read_file(name);
  if (!text && text.error().sys() == ENOENT) return std::optional<LayerRecord>();
  std::string what = "'" + root_->area_path(Area::layers) + "/" + name + "'";
  Json json = TRY(parse_json(TRY(std::move(text)), what));
  return std::optional(TRY(layer_from_json(JsonReader(json, what))));
}

Result<std::optional<LayerStore::Place>> LayerStore::locate(const oci::DiffId& diff_id) const {
  if (auto own = TRY(find(diff_id))) return std::optional(Place{std::move(*own), diff_path(diff_id)});
  for (const auto& other : root_->others()) {
    const LayerStore layers(*other);
    auto record = TRY(layers.find(diff_id));
    if (!record) continue;
    return std::optional(Place{std::move(*record), layers.diff_path(diff_id), other->dir().path()});
  }
  return std::optional<Place>();
}

// Files of a layer belong to the ids of whoever has unpacked it. Only the kernel's root could show them as others
// (mount_setattr(2), MOUNT_ATTR_IDMAP), and to change one that belongs to nobody is EOVERFLOW.
Result<void> LayerStore::check_owner(const Place& place) {
  if (place.other_store.empty()) return ok();
  const auto above = [](const std::string& path) { return path.substr(0, path.rfind('/')); };
  const auto layer = above(place.diff_path);
  struct stat status{};
  struct stat diff{};
  if (::lstat(layer.c_str(), &status) != 0) return Error::from_errno("look at '" + layer + "'");
  if (::lstat(place.diff_path.c_str(), &diff) != 0) return Error::from_errno("look at '" + place.diff_path + "'");
  // A link could lead to what its owner could not read.
  if (!S_ISDIR(status.st_mode) || !S_ISDIR(diff.st_mode)) {
    return Error(Errc::corrupt, "'" + place.diff_path + "' is not a directory");
  }
  // Nor may somebody else be able to put another directory in its place later on.
  for (const auto& path : {above(layer), above(above(layer))}) {
    struct stat parent{};
    if (path.empty()) continue;
    if (::lstat(path.c_str(), &parent) != 0) return Error::from_errno("look at '" + path + "'");
    if (parent.st_uid != 0 && parent.st_uid != ::geteuid()) status.st_uid = parent.st_uid;
  }
  if (status.st_uid == ::geteuid()) return ok();
  return Error(Errc::unsupported, "the store '" + place.other_store + "' belongs to uid " +
                                      std::to_string(status.st_uid) +
                                      ", and its files to users who do not exist in your containers");
}

Result<Dir> LayerStore::open_diff(const oci::DiffId& diff_id) const {
  const Dir* layers = TRY(root_->area(Area::layers));
  return layers->open_dir(layer_name(diff_id) + "/" + k_diff_name);
}

std::string LayerStore::diff_path(const oci::DiffId& diff_id) const {
  return root_->area_path(Area::layers) + "/" + layer_name(diff_id) + "/" + k_diff_name;
}

Result<std::vector<oci::DiffId>> LayerStore::list() const {
  std::vector<oci::DiffId> found;
  const Dir* layers = TRY(root_->find_area(Area::layers));
  if (layers == nullptr) return found;
  for (const auto& name : TRY(layers->list())) {
    auto digest = digest_of_layer_name(name);
    if (digest) found.push_back({std::move(*digest)});
  }
  return found;
}

Result<std::optional<LayerStaging>> LayerStore::begin(const oci::DiffId& diff_id, const CancelToken& cancel) const {
  if (has(diff_id)) return std::optional<LayerStaging>();
  (void)TRY(sweep_staging(*root_, Area::layer_staging, 8));
  auto lock = TRY(lock_layer(*root_, diff_id, cancel));
  if (has(diff_id)) return std::optional<LayerStaging>();
  return std::optional(TRY(stage(diff_id, std::move(lock))));
}

Result<LayerStaging> LayerStore::stage(const oci::DiffId& diff_id, FileLock lock) const {
  StagingDir staging = TRY(StagingDir::make(*root_, Area::layer_staging, random_hex(16), 0700));
  Dir diff = TRY(make_diff(staging.dir()));
  return LayerStaging(
      std::make_unique<LayerStaging::State>(*root_, diff_id, std::move(lock), std::move(staging), std::move(diff)));
}

Result<LayerStaging> LayerStore::begin_copy(const oci::DiffId& diff_id, const CancelToken& cancel) const {
  (void)TRY(sweep_staging(*root_, Area::layer_staging, 8));
  return stage(diff_id, TRY(lock_layer(*root_, diff_id, cancel)));
}

Result<void> LayerStore::quarantine(const oci::DiffId& diff_id) const {
  const Dir* layers = TRY(root_->find_area(Area::layers));
  if (layers == nullptr) return ok();
  return Quarantine(*root_).take(*layers, layer_name(diff_id), "layer-" + diff_id.digest.hex());
}

Result<std::vector<std::optional<LayerStaging>>> LayerStore::begin_all(const std::vector<oci::DiffId>& diff_ids,
                                                                       const CancelToken& cancel) const {
  std::vector<size_t> order(diff_ids.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return diff_ids[a] < diff_ids[b]; });
  std::vector<std::optional<LayerStaging>> begun(diff_ids.size());
  const oci::DiffId* previous = nullptr;
  for (size_t index : order) {
    if (previous == nullptr || *previous != diff_ids[index]) begun[index] = TRY(begin(diff_ids[index], cancel));
    previous = &diff_ids[index];
  }
  return begun;
}

Result<void> LayerStore::sweep_locks(size_t limit) const {
  const Dir* locks = TRY(root_->find_area(Area::layer_locks));
  if (locks == nullptr) return ok();
  const Dir* layers = TRY(root_->area(Area::layers));
  for (const auto& name : TRY(locks->list())) {
    if (limit == 0) break;
    if (layers->exists(name)) continue;
    auto held = TRY(FileLock::try_acquire(*locks, name, LockMode::exclusive));
    if (!held) continue;
    locks->remove_file(name).ignore("somebody else may have swept it");
    --limit;
  }
  return ok();
}

Result<void> LayerStore::remove(const oci::DiffId& diff_id) const {
  const Dir* layers = TRY(root_->find_area(Area::layers));
  const Dir* locks = TRY(root_->find_area(Area::layer_locks));
  if (layers != nullptr) TRY(Trash(*root_).discard(*layers, layer_name(diff_id)));
  if (locks != nullptr) {
    locks->remove_file(layer_name(diff_id)).ignore("layers that came with a copied store have no lock file");
  }
  return ok();
}

}  // namespace ctr::storage

#include "storage/images.h"

#include <fcntl.h>

#include <algorithm>
#include <map>

#include "base/oci/reference.h"
#include "base/random.h"
#include "base/text.h"
#include "storage/blobs.h"
#include "storage/image_file.h"
#include "storage/image_index.h"
#include "storage/image_refs.h"
#include "storage/layers.h"
#include "storage/root.h"

namespace ctr::storage {
namespace {

const IndexEntry* find_by_id(const IndexFile& index, const Digest& id) {
  for (auto entry = index.entries.rbegin(); entry != index.entries.rend(); ++entry) {
    if (entry->id == id) return &*entry;
  }
  return nullptr;
}

// What others write is shown to people.
bool is_full_name(const std::string& name) {
  const auto reference = oci::parse_reference(name);
  return reference && !reference->is_short();
}

Error no_image(const std::string& name) { return Error(Errc::not_found, "no image '" + printable(name) + "'"); }

// What has to go besides the index entries, and what stays although something of it goes.
struct Removal {
  std::vector<IndexEntry> removed;
  RemovedImage report;
};

std::vector<std::string> names_of(const IndexFile& index, const Digest& id) {
  std::vector<std::string> names;
  for (const auto& entry : index.entries) {
    if (entry.id == id && !entry.name.empty()) names.push_back(entry.name);
  }
  return names;
}

// Decides what removing `id` under `options` takes out of `index`.
Result<Removal> plan_removal(IndexFile& index, const Digest& id, const ImageStore::RemoveOptions& options,
                             const ImageStore::InUse& in_use) {
  if (find_by_id(index, id) == nullptr) return no_image(id.hex());
  Removal plan;
  std::vector<std::string> names = names_of(index, id);
  if (!options.name.empty()) {
    if (std::find(names.begin(), names.end(), options.name) == names.end()) return no_image(options.name);
    if (names.size() > 1) {
      (void)take_name(index.entries, options.name);
      plan.report.untagged = {options.name};
      return plan;
    }
  } else if (names.size() > 1 && !options.all_names) {
    return Error(Errc::in_use, "image '" + id.hex().substr(0, 12) + "' has several names: " + join(names, ", "))
        .with_hint("remove it by name, or use --force");
  }
  if (auto reason = TRY(in_use(id))) {
    return Error(Errc::in_use, "image '" + id.hex().substr(0, 12) + "' is in use: " + *reason);
  }
  plan.removed = remove_image(index.entries, id);
  plan.report.untagged = std::move(names);
  plan.report.deleted = id;
  return plan;
}

}  // namespace

Result<std::vector<ImageRecord>> ImageStore::list() const { return group_images(TRY(read_index(*root_)).entries); }

Result<std::optional<ImageRecord>> ImageStore::find(const ImageQuery& query) const {
  if (auto own = TRY(match_image(TRY(list()), query))) return own;
  return match_image(list_others(), query);
}

std::vector<ImageRecord> ImageStore::list_others() const {
  std::vector<ImageRecord> images;
  if (root_->others().empty()) return images;
  std::set<Digest> known;
  if (const auto own = list()) {
    for (const auto& image : *own) known.insert(image.id);
  }
  for (const auto& other : root_->others()) {
    const auto index = read_index(*other);
    if (!index) {
      root_->warn("the additional image store '" + other->dir().path() + "' is left out: " + index.error().text());
      continue;
    }
    for (auto& image : group_images(index->entries)) {
      if (!known.insert(image.id).second) continue;
      image.other_store = other->dir().path();
      std::erase_if(image.names, [](const auto& name) { return !is_full_name(name); });
      std::erase_if(image.repo_digests, [](const auto& name) { return !is_full_name(name); });
      images.push_back(std::move(image));
    }
  }
  return images;
}

Result<oci::Manifest> ImageStore::read_manifest(const ImageRecord& image) const {
  std::string text = TRY(BlobStore(*root_).read(image.manifest.digest, oci::k_manifest_limit_bytes));
  auto document = TRY(oci::parse_manifest(text, image.manifest.media_type));
  if (auto* manifest = std::get_if<oci::Manifest>(&document)) return std::move(*manifest);
  return Error(Errc::corrupt, "'" + image.manifest.digest.to_string() + "' is an index, not a manifest");
}

Result<std::string> ImageStore::read_config_text(const ImageRecord& image) const {
  return BlobStore(*root_).read(image.id, oci::k_manifest_limit_bytes);
}

Result<oci::ImageConfig> ImageStore::read_config(const ImageRecord& image) const {
  return oci::parse_image_config(TRY(read_config_text(image)));
}

Result<void> ImageStore::add(const NewImage& image, const CancelToken& cancel) const {
  FileLock lock = TRY(lock_images(*root_, LockMode::exclusive, cancel));
  IndexFile index = TRY(read_index(*root_));
  add_image(index.entries, image);
  TRY(write_index(*root_, index));
  root_->keep_reserve();
  return ok();
}

Result<void> ImageStore::tag(const Digest& id, const std::string& name, const CancelToken& cancel) const {
  FileLock lock = TRY(lock_images(*root_, LockMode::exclusive, cancel));
  IndexFile index = TRY(read_index(*root_));
  const IndexEntry* found = find_by_id(index, id);
  if (found == nullptr) return no_image(id.hex());
  auto names = names_of(index, id);
  if (std::find(names.begin(), names.end(), name) != names.end()) return ok();
  NewImage named{found->manifest, id, {name}, found->repo_digests, found->size_bytes, found->created, found->stored_at};
  const auto sources = found->list_sources;
  add_image(index.entries, named);
  index.entries.back().list_sources = sources;
  return write_index(*root_, index);
}

Result<void> ImageStore::untag(const std::string& name, const CancelToken& cancel) const {
  FileLock lock = TRY(lock_images(*root_, LockMode::exclusive, cancel));
  IndexFile index = TRY(read_index(*root_));
  if (!take_name(index.entries, name)) return no_image(name);
  return root_->with_reserve([&] { return write_index(*root_, index); });
}

Result<RemovedImage> ImageStore::remove(const Digest& id, const RemoveOptions& options, const InUse& in_use,
                                        const CancelToken& cancel) const {
  FileLock lock = TRY(lock_images(*root_, LockMode::exclusive, cancel));
  IndexFile index = TRY(read_index(*root_));
  Removal plan = TRY(plan_removal(index, id, options, in_use));
  ContentRefs gone;
  for (const auto& entry : plan.removed) add_refs(*root_, entry.manifest, gone).ignore("a damaged image goes too");
  // The entry goes first and durably: an entry without its blobs would be a broken image.
  TRY(root_->with_reserve([&] { return write_index(*root_, index); }));
  if (auto kept = collect_refs(*root_, index)) {
    TRY(remove_content(gone, *kept, plan.report));
  } else {
    root_->debug("content of the image stays: " + kept.error().text());
  }
  root_->keep_reserve();
  return plan.report;
}

Result<void> ImageStore::remove_content(ContentRefs& gone, const ContentRefs& kept, RemovedImage& report) const {
  subtract(gone, kept);
  for (const auto& blob : gone.blobs) TRY(BlobStore(*root_).remove(blob));
  for (const auto& layer : gone.layers) TRY(LayerStore(*root_).remove(layer));
  report.freed_blobs = gone.blobs.size();
  report.freed_layers = gone.layers.size();
  return ok();
}

Result<RemovedImage> ImageStore::collect(const CancelToken& cancel) const {
  FileLock lock = TRY(lock_images(*root_, LockMode::exclusive, cancel));
  ContentRefs gone;
  for (const auto& blob : TRY(BlobStore(*root_).list())) {
    if (!blob.is_arriving) gone.blobs.insert(blob.digest);
  }
  for (const auto& layer : TRY(LayerStore(*root_).list())) gone.layers.insert(layer);
  RemovedImage report;
  if (gone.blobs.empty() && gone.layers.empty()) return report;
  TRY(remove_content(gone, TRY(collect_refs(*root_, TRY(read_index(*root_)))), report));
  return report;
}

Result<ImagesLock> ImageStore::hold(const CancelToken& cancel) const {
  return ImagesLock(TRY(lock_images(*root_, LockMode::shared, cancel)));
}

// A file in images/.pins, held by an exclusive flock; one line for each digest.
struct Pin::State {
  const StoreRoot* root;
  std::string name;
  FileLock lock;

  ~State() {
    auto pins = root->area(Area::pins);
    if (pins) (*pins)->remove_file(name).ignore("collection removes pins whose lock is free");
  }
};

Pin::Pin(std::unique_ptr<State> state) : state_(std::move(state)) {}
Pin::Pin(Pin&&) noexcept = default;
Pin& Pin::operator=(Pin&&) noexcept = default;
Pin::~Pin() = default;

Result<Pin> ImageStore::pin(const CancelToken& cancel) const {
  // Collection, which removes pins without a lock, holds the images lock exclusively.
  FileLock images = TRY(lock_images(*root_, LockMode::shared, cancel));
  const Dir* pins = TRY(root_->area(Area::pins));
  std::string name = random_hex(16);
  Fd file = TRY(pins->open_file(name, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0600));
  FileLock lock = TRY(root_->lock_open(std::move(file), LockMode::exclusive, cancel, "a pin"));
  return Pin(std::unique_ptr<Pin::State>(new Pin::State{root_, std::move(name), std::move(lock)}));
}

Result<void> ImageStore::sweep_pins(const CancelToken& cancel) const {
  const Dir* pins = TRY(root_->find_area(Area::pins));
  if (pins == nullptr || TRY(pins->list()).empty()) return ok();
  FileLock lock = TRY(lock_images(*root_, LockMode::exclusive, cancel));
  return drop_dead_pins(*root_);
}

Result<void> Pin::add(const std::vector<Digest>& blobs, const std::vector<oci::DiffId>& layers,
                      const CancelToken& cancel) {
  std::string lines;
  for (const auto& blob : blobs) lines += "blob " + blob.to_string() + "\n";
  for (const auto& layer : layers) lines += "layer " + layer.digest.to_string() + "\n";
  FileLock images = TRY(lock_images(*state_->root, LockMode::shared, cancel));
  return write_all(state_->lock.fd(), lines, "the pin of a pull");
}

}  // namespace ctr::storage

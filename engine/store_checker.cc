#include "engine/store_checker.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/digest.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/confined_worker.h"
#include "engine/unpack_worker.h"
#include "runtime/host_facts.h"
#include "storage/store.h"
#include "storage/tree_compare.h"

namespace ctr::engine {
namespace {

constexpr size_t k_block_bytes = size_t{256} << 10;
// Numbers of the descriptors in the worker.
constexpr int k_one_fd = k_worker_first_fd;
constexpr int k_other_fd = k_worker_first_fd + 1;

Result<Digest> digest_of_file(int fd, DigestAlgorithm algorithm, const CancelToken& cancel) {
  Hasher hasher(algorithm);
  std::string block(k_block_bytes, '\0');
  while (true) {
    TRY(cancel.check());
    const ssize_t got = ::read(fd, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno("read a blob");
    if (got == 0) return hasher.finish();
    hasher.update(block.data(), static_cast<size_t>(got));
  }
}

std::string shown_name(const storage::ImageRecord& image) {
  return image.names.empty() ? image.id.hex().substr(0, 12) : image.names.front();
}

// What an image should have, as far as its documents can be read.
struct Parts {
  std::vector<oci::Descriptor> blobs;
  std::vector<std::pair<oci::DiffId, oci::Descriptor>> layers;  // and the blob each is unpacked from
};

class Checker {
 public:
  Checker(const EngineOptions& options, const CheckRequest& request, const FetchAgain& fetch_again,
          const storage::Store& store, const runtime::HostFacts& host)
      : cancel_(options.cancel), request_(request), fetch_again_(fetch_again), store_(store), host_(host) {}

  Result<std::vector<Damage>> run() {
    const auto images = TRY(store_.images().list());
    for (const auto& image : images) TRY(check_blobs(image));
    for (const auto& image : images) TRY(check_layers(image));
    TRY(check_unreferenced(images));
    return std::move(damages_);
  }

 private:
  Parts parts_of(const storage::ImageRecord& image) const;
  Result<std::string> blob_problem(const oci::Descriptor& blob) const;
  Result<void> check_blobs(const storage::ImageRecord& image);
  Result<void> check_layers(const storage::ImageRecord& image);
  Result<void> check_layer(const storage::ImageRecord& image, const oci::DiffId& diff_id, const oci::Descriptor& blob);
  Result<void> check_content(const storage::ImageRecord& image, const oci::DiffId& diff_id,
                             const oci::Descriptor& blob);
  Result<storage::LayerStaging> unpack_again(const oci::DiffId& diff_id, const oci::Descriptor& blob) const;
  Result<std::optional<std::string>> compare(const Dir& there, const Dir& fresh) const;
  Result<void> replace_layer(Damage& damage, const storage::ImageRecord& image, const oci::DiffId& diff_id,
                             const oci::Descriptor& blob);
  Result<void> check_unreferenced(const std::vector<storage::ImageRecord>& images);
  void fetch(Damage& damage, const storage::ImageRecord& image) const;
  Damage& add(std::string_view kind, const Digest& id, std::string problem, const storage::ImageRecord& image);
  bool is_good(const Digest& blob) const { return good_blobs_.contains(blob.to_string()); }

  const CancelToken& cancel_;
  const CheckRequest& request_;
  const FetchAgain& fetch_again_;
  const storage::Store& store_;
  const runtime::HostFacts& host_;
  std::vector<Damage> damages_;
  std::map<std::string, size_t> places_;  // of damages, by kind and id
  std::set<std::string> good_blobs_;
  std::set<std::string> seen_layers_;
};

Damage& Checker::add(std::string_view kind, const Digest& id, std::string problem, const storage::ImageRecord& image) {
  Damage damage;
  damage.kind = kind;
  damage.id = id.to_string();
  damage.problem = std::move(problem);
  damage.images = {shown_name(image)};
  places_[damage.kind + damage.id] = damages_.size();
  damages_.push_back(std::move(damage));
  return damages_.back();
}

Parts Checker::parts_of(const storage::ImageRecord& image) const {
  Parts parts;
  parts.blobs.push_back(image.manifest);
  const auto manifest = store_.images().read_manifest(image);
  if (!manifest) return parts;
  parts.blobs.push_back(manifest->config);
  parts.blobs.insert(parts.blobs.end(), manifest->layers.begin(), manifest->layers.end());
  const auto config = store_.images().read_config(image);
  if (!config) return parts;
  for (size_t i = 0; i < config->diff_ids.size() && i < manifest->layers.size(); ++i) {
    parts.layers.emplace_back(config->diff_ids[i], manifest->layers[i]);
  }
  return parts;
}

// Empty: none.
Result<std::string> Checker::blob_problem(const oci::Descriptor& blob) const {
  const auto size = TRY(store_.blobs().find_size(blob.digest));
  if (!size) return std::string("is missing");
  if (blob.size_bytes != 0 && *size != blob.size_bytes) {
    return fmt::format("has {} bytes instead of {}", *size, blob.size_bytes);
  }
  if (request_.quick) return std::string();
  const auto file = TRY(store_.blobs().open(blob.digest));
  const auto digest = digest_of_file(file.get(), blob.digest.algorithm(), cancel_);
  if (!digest && digest.error().code() == Errc::interrupted) return digest.error();
  if (!digest) return std::string("cannot be read: ") + digest.error().text();
  return *digest == blob.digest ? std::string() : "its content has the digest " + digest->to_string();
}

// What cannot be fetched again says why.
void Checker::fetch(Damage& damage, const storage::ImageRecord& image) const {
  if (!request_.repair) return;
  std::string reasons;
  // The image's own manifest first: another digest is that of an index, which may lead to another platform.
  auto references = image.repo_digests;
  const auto own = image.manifest.digest.to_string();
  std::stable_partition(references.begin(), references.end(), [&](const auto& text) { return text.ends_with(own); });
  for (const auto& reference : references) {
    const auto fetched = fetch_again_(reference);
    if (fetched) {
      damage.outcome = "fetched again from " + reference;
      damage.repaired = true;
      return;
    }
    reasons += (reasons.empty() ? "" : "; ") + fetched.error().text();
  }
  damage.outcome = "cannot be fetched again: " + (reasons.empty() ? "it did not come from a registry" : reasons);
}

Result<void> Checker::check_blobs(const storage::ImageRecord& image) {
  // Documents lead to further blobs, which are known only when they are good again.
  for (size_t i = 0;; ++i) {
    const auto blobs = parts_of(image).blobs;
    if (i >= blobs.size()) return ok();
    const auto& blob = blobs[i];
    const auto name = blob.digest.to_string();
    if (is_good(blob.digest)) continue;
    if (const auto known = places_.find("blob" + name); known != places_.end()) {
      auto& images = damages_[known->second].images;
      if (images.back() != shown_name(image)) images.push_back(shown_name(image));
      continue;
    }
    auto problem = TRY(blob_problem(blob));
    if (problem.empty()) {
      good_blobs_.insert(name);
      continue;
    }
    auto& damage = add("blob", blob.digest, std::move(problem), image);
    TRY(store_.blobs().quarantine(blob.digest));
    fetch(damage, image);
    if (damage.repaired) good_blobs_.insert(name);
  }
}

Result<storage::LayerStaging> Checker::unpack_again(const oci::DiffId& diff_id, const oci::Descriptor& blob) const {
  auto staging = TRY(store_.layers().begin_copy(diff_id, cancel_));
  auto worker = TRY(UnpackWorker::start(host_, TRY(store_.blobs().open(blob.digest)), UnpackWorker::Arrival::complete,
                                        staging.diff()));
  TRY(staging.finish(TRY(worker.finish(cancel_)).record));
  return staging;
}

Result<std::optional<std::string>> Checker::compare(const Dir& there, const Dir& fresh) const {
  const storage::CompareRequest request{.one_fd = k_one_fd, .other_fd = k_other_fd, .answer_fd = k_worker_answer_fd};
  auto worker = TRY(ConfinedWorker::start(host_, "compare-trees", storage::to_json(request),
                                          {{there.fd(), k_one_fd}, {fresh.fd(), k_other_fd}}));
  return storage::compare_answer_from_json(TRY(worker.finish(cancel_)));
}

// From the blob, when it is there and good; else from where the image came from.
Result<void> Checker::replace_layer(Damage& damage, const storage::ImageRecord& image, const oci::DiffId& diff_id,
                                    const oci::Descriptor& blob) {
  if (!request_.repair) return ok();
  if (!is_good(blob.digest)) {
    fetch(damage, image);
    return ok();
  }
  auto fresh = unpack_again(diff_id, blob);
  if (!fresh && fresh.error().code() == Errc::interrupted) return std::move(fresh).error();
  auto done = fresh ? fresh->commit() : Result<void>(std::move(fresh).error());
  damage.repaired = static_cast<bool>(done);
  damage.outcome = done ? "unpacked again from its blob" : "cannot be unpacked again: " + done.error().text();
  return ok();
}

Result<void> Checker::check_content(const storage::ImageRecord& image, const oci::DiffId& diff_id,
                                    const oci::Descriptor& blob) {
  const auto there = TRY(store_.layers().open_diff(diff_id));
  auto fresh = TRY(unpack_again(diff_id, blob));
  const auto difference = TRY(compare(there, fresh.diff()));
  if (!difference) return ok();
  auto& damage = add("layer", diff_id.digest, *difference, image);
  TRY(store_.layers().quarantine(diff_id));
  if (!request_.repair) return ok();
  TRY(fresh.commit());
  damage.repaired = true;
  damage.outcome = "unpacked again from its blob";
  return ok();
}

Result<void> Checker::check_layer(const storage::ImageRecord& image, const oci::DiffId& diff_id,
                                  const oci::Descriptor& blob) {
  const auto record = store_.layers().find(diff_id);
  std::string problem;
  if (!record) {
    problem = record.error().text();
  } else if (!*record) {
    problem = "is missing";
  } else if ((*record)->diff_id != diff_id) {
    problem = "its record is that of another layer";
  } else if (!store_.layers().open_diff(diff_id)) {
    problem = "has no files";
  }
  if (problem.empty()) return request_.quick || !is_good(blob.digest) ? ok() : check_content(image, diff_id, blob);
  auto& damage = add("layer", diff_id.digest, std::move(problem), image);
  TRY(store_.layers().quarantine(diff_id));
  return replace_layer(damage, image, diff_id, blob);
}

Result<void> Checker::check_layers(const storage::ImageRecord& image) {
  for (const auto& [diff_id, blob] : parts_of(image).layers) {
    TRY(cancel_.check());
    const auto name = diff_id.digest.to_string();
    if (const auto known = places_.find("layer" + name); known != places_.end()) {
      auto& images = damages_[known->second].images;
      if (images.back() != shown_name(image)) images.push_back(shown_name(image));
    }
    if (seen_layers_.insert(name).second) TRY(check_layer(image, diff_id, blob));
  }
  return ok();
}

Result<void> Checker::check_unreferenced(const std::vector<storage::ImageRecord>& images) {
  std::set<std::string> needed;
  for (const auto& image : images) {
    const auto config = store_.images().read_config(image);
    // Without its documents nobody knows which layers are this image's.
    if (!config) return ok();
    for (const auto& diff_id : config->diff_ids) needed.insert(diff_id.digest.to_string());
  }
  const auto first = damages_.size();
  for (const auto& diff_id : TRY(store_.layers().list())) {
    if (needed.contains(diff_id.digest.to_string())) continue;
    struct stat status{};
    if (::stat(store_.layers().diff_path(diff_id).c_str(), &status) != 0) continue;
    if (elapsed(from_unix_seconds(status.st_ctim.tv_sec), now()) < request_.longest_unreferenced) continue;
    Damage damage;
    damage.kind = "layer";
    damage.id = diff_id.digest.to_string();
    damage.problem = "no image needs it";
    damages_.push_back(std::move(damage));
  }
  if (damages_.size() == first || !request_.repair) return ok();
  TRY(store_.images().collect(cancel_));
  for (size_t i = first; i < damages_.size(); ++i) {
    damages_[i].repaired = !store_.layers().has({TRY(Digest::parse(damages_[i].id))});
    damages_[i].outcome = damages_[i].repaired ? "removed" : "is in use by a command that runs";
  }
  return ok();
}

}  // namespace

Result<std::vector<Damage>> check_store(const EngineOptions& options, const CheckRequest& request,
                                        const FetchAgain& fetch_again) {
  const auto host = TRY(runtime::probe_host_facts(options.environment));
  // Of its own parts alone: those of other stores are nobody's to mend here.
  auto paths = options.paths;
  paths.image_stores = {};
  const auto store = TRY(storage::Store::open(paths, options.cancel, options.log));
  TRY(store.sweep());
  return Checker(options, request, fetch_again, store, host).run();
}

}  // namespace ctr::engine

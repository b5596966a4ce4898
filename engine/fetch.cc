#include "engine/fetch.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include "base/child.h"
#include "base/text.h"
#include "engine/event_journal.h"
#include "engine/unpack_worker.h"
#include "storage/publish.h"
#include "storage/root.h"

namespace ctr::engine {
namespace {

// Unpackers that run at a time: one for each processor, so that their memory stays bounded.
size_t unpackers_at_a_time() { return static_cast<size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))); }

// One layer of the image: what has to be done for it, and how far it is.
struct Layer {
  explicit Layer(oci::Descriptor of) : descriptor(std::move(of)) {}

  oci::Descriptor descriptor;
  std::optional<storage::BlobStaging> blob;     // to be downloaded
  std::optional<storage::LayerStaging> target;  // to be unpacked
  std::optional<UnpackWorker> worker;
  bool blob_verified = false;
  bool unpacked = false;
  // Why its unpacker gave up before the blob was verified: the fault is the image's only if the digest is right.
  std::optional<Error> refusal;

  // Something of it is to be published, and all of it may be.
  bool is_complete() const { return (blob || target) && (!blob || blob_verified) && (!target || unpacked); }
};

bool is_about_content(const Error& error) {
  return error.code() == Errc::corrupt || error.code() == Errc::invalid || error.code() == Errc::unsupported;
}

// Starts unpackers as downloads and free processors allow, and collects their answers.
class Unpacking {
 public:
  Unpacking(const storage::Store& store, const runtime::HostFacts& host, const CancelToken& cancel)
      : store_(store), host_(host), cancel_(cancel) {}

  // The layer has bytes: it may be unpacked as soon as there is room.
  void enqueue(Layer& layer) {
    if (layer.target && !layer.worker && !layer.unpacked) waiting_.push_back(&layer);
  }
  // Called while bytes arrive: never waits.
  Result<void> poll() {
    for (size_t i = 0; i < running_.size();) {
      pollfd answer{.fd = running_[i]->worker->answer_fd(), .events = POLLIN, .revents = 0};
      if (::poll(&answer, 1, 0) == 1) {
        TRY(collect(i));
      } else {
        ++i;
      }
    }
    return start_waiting();
  }
  // Waits for all of them.
  Result<void> finish() {
    TRY(start_waiting());
    while (!running_.empty()) {
      std::vector<pollfd> answers;
      for (const Layer* layer : running_)
        answers.push_back({.fd = layer->worker->answer_fd(), .events = POLLIN, .revents = 0});
      answers.push_back({.fd = cancel_.fd(), .events = POLLIN, .revents = 0});
      if (::poll(answers.data(), answers.size(), -1) < 0 && errno != EINTR)
        return Error::from_errno("wait for the unpack workers");
      TRY(cancel_.check());
      TRY(poll());
    }
    return ok();
  }
  // The bytes so far are not those of the blob: what was unpacked from them goes.
  Result<void> restart(Layer& layer) {
    std::erase(running_, &layer);
    std::erase(waiting_, &layer);
    layer.worker.reset();
    layer.refusal.reset();
    if (layer.target) TRY(layer.target->restart());
    return ok();
  }

 private:
  Result<void> start_waiting() {
    while (!waiting_.empty() && running_.size() < unpackers_at_a_time()) {
      Layer& layer = *waiting_.front();
      waiting_.pop_front();
      bool complete = !layer.blob || layer.blob_verified;
      Fd reader = layer.blob ? TRY(layer.blob->open_reader()) : TRY(store_.blobs().open(layer.descriptor.digest));
      auto arrival = complete ? UnpackWorker::Arrival::complete : UnpackWorker::Arrival::growing;
      layer.worker.emplace(TRY(UnpackWorker::start(host_, std::move(reader), arrival, layer.target->diff())));
      if (!complete) layer.worker->advance(layer.blob->size_bytes());
      running_.push_back(&layer);
    }
    return ok();
  }
  Result<void> collect(size_t index) {
    Layer& layer = *running_[index];
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
    auto unpacked = layer.worker->finish(cancel_);
    layer.worker.reset();
    auto finished = unpacked ? layer.target->finish(unpacked->record) : Result<void>(std::move(unpacked).error());
    if (!finished) return refuse(layer, std::move(finished).error());
    layer.unpacked = true;
    return ok();
  }
  // A blob that is still on its way may have been damaged there: its digest decides, which names the fault and lets the
  // blob be fetched again. Bytes of a layer that cannot be unpacked are of no use to the next pull.
  static Result<void> refuse(Layer& layer, Error error) {
    error = std::move(error).context("unpack layer " + layer.descriptor.digest.to_string());
    if (layer.blob && !layer.blob_verified && is_about_content(error)) {
      layer.refusal = std::move(error);
      return ok();
    }
    if (layer.blob && is_about_content(error)) layer.blob->discard();
    return error;
  }

  const storage::Store& store_;
  const runtime::HostFacts& host_;
  const CancelToken& cancel_;
  std::deque<Layer*> waiting_;
  std::vector<Layer*> running_;
};

// Publishes layers that are complete while others are long in coming, so that a pull of another image with the same
// layers need not wait for all of this one. What makes them durable runs beside the transfers.
class EarlyPublish {
 public:
  EarlyPublish(const storage::Store& store, std::vector<Layer>& layers) : store_(store), layers_(layers) {}

  // Called now and then while others arrive: never waits.
  Result<void> proceed() {
    if (is_off_) return ok();
    if (sync_) return collect();
    const auto time = std::chrono::steady_clock::now();
    std::erase_if(waiting_, [&](const Layer* layer) { return !layer->is_complete(); });
    for (auto& layer : layers_) {
      if (!layer.is_complete() || std::ranges::find(waiting_, &layer) != waiting_.end()) continue;
      if (waiting_.empty()) since_ = time;
      waiting_.push_back(&layer);
    }
    if (waiting_.empty() || waiting_.size() == layers_.size() || time - since_ < k_patience) return ok();
    return start_sync();
  }

 private:
  static constexpr std::chrono::seconds k_patience{2};

  Result<void> start_sync() {
    synced_ = std::move(waiting_);
    waiting_.clear();
    SpawnOptions options;
    options.program = "/bin/sync";
    options.argv = {"sync", "-f", store_.image_root().dir().path()};
    auto sync = spawn(options);
    // A host without the program publishes everything at the end.
    is_off_ = !sync;
    if (sync) sync_.emplace(std::move(*sync));
    return ok();
  }
  Result<void> collect() {
    pollfd end{.fd = sync_->pidfd(), .events = POLLIN, .revents = 0};
    if (::poll(&end, 1, 0) != 1) return ok();
    const auto status = TRY(sync_->wait());
    sync_.reset();
    // The one sync at the end says what is wrong with the disk; this one is not tried again.
    is_off_ = status != ExitStatus{};
    if (is_off_) return ok();
    storage::Publish publish(store_.image_root());
    for (auto* layer : synced_) {
      if (layer->blob) publish.add(*std::exchange(layer->blob, std::nullopt));
      if (layer->target) publish.add(*std::exchange(layer->target, std::nullopt));
    }
    return publish.commit_synced();
  }

  const storage::Store& store_;
  std::vector<Layer>& layers_;
  std::vector<Layer*> waiting_;  // complete since `since_` or later
  std::vector<Layer*> synced_;   // being made durable
  std::chrono::steady_clock::time_point since_;
  std::optional<Child> sync_;
  bool is_off_ = false;
};

// Bytes from the network go into the partial blob; the layer's unpacker follows.
class LayerSink final : public registry::BlobSink {
 public:
  LayerSink(Layer& layer, Unpacking& unpacking) : layer_(layer), unpacking_(unpacking) {}

  uint64_t resume_offset() override { return layer_.blob->size_bytes(); }
  Result<void> append(std::span<const std::byte> bytes) override {
    TRY(layer_.blob->append({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
    if (!enqueued_) unpacking_.enqueue(layer_);
    enqueued_ = true;
    if (layer_.worker) layer_.worker->advance(layer_.blob->size_bytes());
    return unpacking_.poll();
  }
  Result<void> restart() override {
    enqueued_ = false;
    TRY(unpacking_.restart(layer_));
    return layer_.blob->restart();
  }
  Result<void> verify() override { return layer_.blob->verify(); }
  Result<void> commit() override {
    layer_.blob_verified = true;
    // A blob that was there whole from an earlier transfer has had no append().
    if (!enqueued_) unpacking_.enqueue(layer_);
    enqueued_ = true;
    if (layer_.refusal) {
      layer_.blob->discard();
      return *layer_.refusal;
    }
    if (layer_.worker) TRY(layer_.worker->end_of_blob());
    return unpacking_.poll();
  }

 private:
  Layer& layer_;
  Unpacking& unpacking_;
  bool enqueued_ = false;
};

Result<void> check_layers(const oci::Manifest& manifest) {
  for (const auto& layer : manifest.layers) {
    switch (oci::media_kind(layer.media_type)) {
      case oci::MediaKind::layer_tar:
      case oci::MediaKind::layer_gzip:
      case oci::MediaKind::layer_zstd:
        break;
      case oci::MediaKind::layer_encrypted:
        return Error(Errc::unsupported, "layer " + layer.digest.to_string() + " is encrypted")
            .with_hint("pull the image with --decryption-key");
      case oci::MediaKind::foreign_layer:
        return Error(Errc::unsupported,
                     "layer " + layer.digest.to_string() + " is a foreign layer, which registries do not hold");
      default:
        return Error(Errc::unsupported, "layer " + layer.digest.to_string() + " has the media type '" +
                                            printable(layer.media_type) + "', which is not a container image layer");
    }
  }
  return ok();
}

const oci::Manifest& manifest_of(const FetchOrder& order) { return std::get<oci::Manifest>(order.chain.back().parsed); }

Result<oci::ImageConfig> read_config(const FetchSite& site, BlobOrigin& origin, const oci::Manifest& manifest,
                                     std::string& text) {
  auto kind = oci::media_kind(manifest.config.media_type);
  if (kind != oci::MediaKind::oci_config && kind != oci::MediaKind::docker_config) {
    return Error(Errc::unsupported,
                 "the manifest describes a '" + printable(manifest.config.media_type) + "', not a container image");
  }
  const auto blobs = site.store.blobs();
  text =
      TRY(blobs.has(manifest.config.digest) ? blobs.read(manifest.config.digest) : origin.read_small(manifest.config));
  auto config = TRY(oci::parse_image_config(text));
  if (config.diff_ids.size() != manifest.layers.size()) {
    return Error(Errc::corrupt, fmt::format("the image configuration names {} layers, the manifest has {}",
                                            config.diff_ids.size(), manifest.layers.size()));
  }
  return config;
}

// A machine cannot run programs of another one, and a user should hear it from us.
Result<void> check_platform(const FetchSite& site, const oci::ImageConfig& config, const FetchOrder& order) {
  auto wanted = order.platform.value_or(oci::host_platform());
  if (config.platform.os.empty() || oci::match_score(wanted, config.platform) > 0) return ok();
  std::string what = fmt::format("image platform ({}) does not match the expected platform ({})",
                                 printable(config.platform.to_string()), wanted.to_string());
  if (config.platform.os != wanted.os) {
    return Error(Errc::unsupported, what).with_hint("choose a platform that the image is made for with --platform");
  }
  if (site.options.log) site.options.log->note("WARNING: " + what);
  return ok();
}

// The documents that come as text: configuration and manifests, into the blobs that were begun for them.
Result<void> stage_documents(const std::vector<std::pair<oci::Descriptor, std::string>>& documents,
                             std::vector<std::optional<storage::BlobStaging>>& blobs, storage::Publish& publish) {
  for (size_t i = 0; i < documents.size(); ++i) {
    auto& blob = blobs[i];
    if (!blob) continue;
    TRY(blob->restart());
    TRY(blob->append(documents[i].second));
    TRY(blob->verify());
    publish.add(std::move(*blob));
  }
  return ok();
}

storage::NewImage new_image(const FetchOrder& order, const oci::ImageConfig& config) {
  return {.manifest = order.chain.back().descriptor,
          .config = manifest_of(order).config.digest,
          .names = order.names,
          .repo_digests = order.repo_digests,
          .size_bytes = 0,
          .created = config.created,
          .stored_at = now()};
}

// Downloads and unpacks what is missing of the layers.
Result<void> fetch_layers(const FetchSite& site, BlobOrigin& origin, std::vector<Layer>& layers) {
  Unpacking unpacking(site.store, site.host, site.options.cancel);
  std::vector<std::unique_ptr<LayerSink>> sinks;
  std::vector<registry::BlobDownload> downloads;
  for (auto& layer : layers) {
    if (layer.blob) {
      sinks.push_back(std::make_unique<LayerSink>(layer, unpacking));
      downloads.push_back(
          {.descriptor = layer.descriptor, .sink = sinks.back().get(), .kind = ProgressSink::BlobKind::layer});
    } else {
      unpacking.enqueue(layer);
    }
  }
  EarlyPublish early(site.store, layers);
  const auto meanwhile = [&]() -> Result<void> {
    TRY(unpacking.poll());
    return early.proceed();
  };
  if (!downloads.empty()) TRY(origin.fetch(downloads, meanwhile));
  return unpacking.finish();
}

void report_layers(ProgressSink& progress, const std::vector<Layer>& layers) {
  for (const auto& layer : layers) {
    if (layer.blob) continue;
    progress.blob_started(layer.descriptor.digest.to_string(), ProgressSink::BlobKind::layer,
                          layer.descriptor.size_bytes, ProgressSink::Skip::already_exists);
  }
}

// Everything of the image is published: it gets its entry.
Result<void> record_image(const FetchSite& site, const FetchOrder& order, const oci::ImageConfig& config) {
  const auto& store = site.store;
  auto record = new_image(order, config);
  record.size_bytes = manifest_of(order).config.size_bytes;
  for (const auto& diff_id : config.diff_ids) {
    if (auto layer = TRY(store.layers().find(diff_id))) record.size_bytes += layer->size_bytes;
  }
  TRY(store.images().add(record, site.options.cancel));
  if (order.event.empty()) return ok();
  const auto& called = order.names.empty() ? order.repo_digests : order.names;
  const auto name = called.empty() ? std::string() : called.front();
  record_image_event(site.options, store.dir(), order.event, record.config.hex(), name);
  return ok();
}

}  // namespace

Result<std::string> fetch_image(const FetchSite& site, BlobOrigin& origin, const FetchOrder& order) {
  const CancelToken& cancel = site.options.cancel;
  const storage::Store& store = site.store;
  const auto& manifest = manifest_of(order);
  TRY(check_layers(manifest));

  // Pinned first, asked for afterwards: what is found in the store now stays there until the image is written.
  std::vector<oci::Descriptor> wanted = {manifest.config};
  for (const auto& document : order.chain) wanted.push_back(document.descriptor);
  size_t documents_count = wanted.size();
  wanted.insert(wanted.end(), manifest.layers.begin(), manifest.layers.end());
  std::vector<Digest> digests;
  for (const auto& descriptor : wanted) digests.push_back(descriptor.digest);
  auto pin = TRY(store.images().pin(cancel));
  TRY(pin.add(digests, {}, cancel));
  // Whoever pulls the same image meanwhile waits here, before the first blob is asked for.
  auto blobs = TRY(store.blobs().begin_all(wanted, cancel));
  std::string config_text;
  auto config = TRY(read_config(site, origin, manifest, config_text));
  TRY(check_platform(site, config, order));
  TRY(pin.add({}, config.diff_ids, cancel));
  auto targets = TRY(store.layers().begin_all(config.diff_ids, cancel));
  std::vector<Layer> layers(manifest.layers.begin(), manifest.layers.end());
  for (size_t i = 0; i < layers.size(); ++i) {
    layers[i].blob = std::move(blobs[documents_count + i]);
    layers[i].target = std::move(targets[i]);
  }
  report_layers(site.progress, layers);

  auto fetched = fetch_layers(site, origin, layers);
  if (!fetched && fetched.error().code() == Errc::no_space) {
    for (auto& layer : layers) {
      if (layer.blob) layer.blob->discard();
    }
  }
  TRY(std::move(fetched));

  site.progress.writing_manifest();
  storage::Publish publish(store.image_root());
  std::vector<std::pair<oci::Descriptor, std::string>> documents = {{manifest.config, config_text}};
  for (const auto& document : order.chain) documents.emplace_back(document.descriptor, document.bytes);
  TRY(stage_documents(documents, blobs, publish));
  for (auto& layer : layers) {
    if (layer.blob) publish.add(std::move(*layer.blob));
    if (layer.target) publish.add(std::move(*layer.target));
  }
  TRY(publish.commit());

  TRY(record_image(site, order, config));
  return manifest.config.digest.hex();
}

}  // namespace ctr::engine

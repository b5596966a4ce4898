// save, and push to files: carries a plan of save_plan.h out.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/confined_worker.h"
#include "engine/output_file.h"
#include "engine/save_plan.h"
#include "engine/transfer_session.h"
#include "runtime/host_facts.h"

namespace ctr::engine {
namespace {

// What directories of the user's get, less the umask.
constexpr mode_t k_directory_mode = 0777;

// Where packing takes place.
struct PackSite {
  const EngineOptions& options;
  const storage::Store& store;
  const runtime::HostFacts& host;
};

Result<void> run_packer(const PackSite& site, storage::PackPlan plan, storage::PackForm form, int output_fd) {
  const Dir blobs = TRY(Dir::open(site.store.path() + "/images/blobs"));
  const storage::PackRequest request{.blobs_fd = k_worker_first_fd,
                                     .output_fd = k_worker_first_fd + 1,
                                     .answer_fd = k_worker_answer_fd,
                                     .form = form,
                                     .plan = std::move(plan)};
  auto worker = TRY(ConfinedWorker::start(site.host, "pack", storage::to_json(request),
                                          {{blobs.fd(), request.blobs_fd}, {output_fd, request.output_fd}}));
  return storage::pack_answer_from_json(TRY(worker.finish(site.options.cancel)));
}

Result<void> write_archive(const PackSite& site, const std::string& output, storage::PackPlan plan) {
  if (output.empty()) return run_packer(site, std::move(plan), storage::PackForm::archive, STDOUT_FILENO);
  return write_output_file(output,
                           [&](int fd) { return run_packer(site, std::move(plan), storage::PackForm::archive, fd); });
}

Result<void> write_directory(const PackSite& site, const std::string& output, const storage::PackPlan& plan) {
  const auto target = TRY(open_output(output));
  PendingOutput pending(target);
  TRY(target.parent.make_dir(pending.name(), k_directory_mode));
  const Dir directory = TRY(target.parent.open_dir(pending.name()));
  for (const auto& member : plan) {
    TRY(site.options.cancel.check());
    for (size_t at = member.path.find('/'); at != std::string::npos; at = member.path.find('/', at + 1)) {
      (void)TRY(directory.open_or_make_dir(member.path.substr(0, at), k_directory_mode));
    }
    const Fd file = TRY(directory.open_file(member.path, O_WRONLY | O_CREAT | O_EXCL, k_output_file_mode));
    TRY(run_packer(site, {member}, storage::PackForm::content, file.get()));
  }
  auto published = pending.publish();
  if (published || (published.error().sys() != ENOTEMPTY && published.error().sys() != EEXIST)) return published;
  return Error(Errc::exists, "'" + printable(output) + "' is a directory that is not empty")
      .with_hint("name a directory that does not exist");
}

Result<SavedImage> describe(const storage::Store& store, const LoadedImage& wanted) {
  const auto record = TRY(store.images().find({.names = {}, .id_prefix = wanted.id}));
  if (!record) return Error(Errc::not_found, wanted.id + ": image not known");
  SavedImage image{.manifest_text = TRY(store.blobs().read(record->manifest.digest)),
                   .manifest = TRY(store.images().read_manifest(*record)),
                   .config = TRY(store.images().read_config(*record)),
                   .layer_sizes = {},
                   .names = wanted.names};
  for (const auto& layer : image.manifest.layers) {
    if (store.blobs().has(layer.digest)) continue;
    return Error(Errc::not_found, "layer " + layer.digest.to_string() + " is not kept in its compressed form")
        .with_hint("pull the image again before saving it");
  }
  for (const auto& diff_id : image.config.diff_ids) {
    const auto layer = TRY(store.layers().find(diff_id));
    if (!layer) return Error(Errc::not_found, "layer " + diff_id.digest.to_string() + " is not in the store");
    image.layer_sizes.push_back(layer->size_bytes);
  }
  return image;
}

Result<storage::PackPlan> plan_for(const std::vector<SavedImage>& images, const SaveOptions& save) {
  const auto form = save.layers == SaveOptions::Layers::uncompressed ? LayerForm::uncompressed : LayerForm::as_stored;
  if (save.format == "docker-archive") return plan_docker_archive(images);
  if (save.format == "docker-dir") return plan_image_directory(images.front(), form);
  return plan_oci_layout(images, form);
}

void report(ProgressSink& progress, const std::vector<SavedImage>& images, bool done) {
  using Kind = ProgressSink::BlobKind;
  const auto tell = [&](const oci::Descriptor& blob, Kind kind) {
    const auto name = blob.digest.to_string();
    if (!done) progress.blob_started(name, kind, blob.size_bytes, ProgressSink::Skip::no);
    if (done) progress.blob_advanced(name, blob.size_bytes), progress.blob_done(name);
  };
  for (const auto& image : images) {
    for (const auto& layer : image.manifest.layers) tell(layer, Kind::layer);
    tell(image.manifest.config, Kind::config);
  }
}

}  // namespace

Result<void> save_images(const EngineOptions& options, ProgressSink& progress, const std::vector<LoadedImage>& wanted,
                         const SaveOptions& save) {
  const auto host = TRY(runtime::probe_host_facts(options.environment));
  const auto store = TRY(storage::Store::open(options.paths, options.cancel, options.log));
  // What is there now stays until it is written.
  auto pin = TRY(store.images().pin(options.cancel));
  std::vector<SavedImage> images;
  for (const auto& image : wanted) {
    images.push_back(TRY(describe(store, image).context("save '" + image.id.substr(0, 12) + "'")));
    std::vector<Digest> blobs = {images.back().manifest.config.digest};
    for (const auto& layer : images.back().manifest.layers) blobs.push_back(layer.digest);
    TRY(pin.add(blobs, {}, options.cancel));
  }
  auto plan = TRY(plan_for(images, save));
  const PackSite site{options, store, host};
  report(progress, images, false);
  const bool to_directory = save.format.ends_with("-dir");
  const auto what =
      save.output.empty() ? std::string("save to standard output") : "save to '" + printable(save.output) + "'";
  TRY((to_directory ? write_directory(site, save.output, plan) : write_archive(site, save.output, std::move(plan)))
          .context(what));
  report(progress, images, true);
  progress.writing_manifest();
  return ok();
}

}  // namespace ctr::engine

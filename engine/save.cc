// save, and push to files: carries a plan of save_plan.h out.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "base/lock.h"
#include "base/text.h"
#include "engine/confined_worker.h"
#include "engine/event_journal.h"
#include "engine/output_file.h"
#include "engine/push_parts.h"
#include "engine/save_plan.h"
#include "engine/transfer_session.h"
#include "engine/transport.h"
#include "runtime/host_facts.h"
#include "storage/root.h"

namespace ctr::engine {
namespace {

// What directories of the user's get, less the umask.
constexpr mode_t k_directory_mode = 0777;
constexpr const char* k_index_file = "index.json";
constexpr const char* k_layout_file = "oci-layout";
// The format of a push to "dir:": as docker-dir, with the manifest as it is.
constexpr std::string_view k_directory_format = "plain-dir";

// Where packing takes place.
struct PackSite {
  const EngineOptions& options;
  const storage::Store& store;
  const runtime::HostFacts& host;
};

Result<void> run_packer(const PackSite& site, storage::PackPlan plan, storage::PackForm form, int output_fd) {
  const Dir blobs = TRY(Dir::open(site.store.image_root().dir().path() + "/images/blobs"));
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

// Written by the "dir" transport, ours or another program's.
bool is_image_directory(const std::string& path) {
  const auto version = read_file_if_exists(path + "/version");
  return version && *version && (*version)->starts_with("Directory Transport Version: ");
}

Result<void> write_directory(const PackSite& site, const std::string& output, const storage::PackPlan& plan,
                             bool replaces) {
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
  if (!published && replaces && is_image_directory(output)) {
    TRY(remove_tree(target.parent, target.name));
    published = pending.publish();
  }
  if (published || (published.error().sys() != ENOTEMPTY && published.error().sys() != EEXIST)) return published;
  return Error(Errc::exists, "'" + printable(output) + "' is a directory that is not empty")
      .with_hint("name a directory that does not exist");
}

// Adds to an OCI layout that is there: blobs first, then the index, which changes as a whole.
Result<void> add_to_layout(const PackSite& site, const std::string& output, const storage::PackPlan& plan) {
  const Dir layout = TRY(Dir::open(output));
  for (const auto& member : plan) {
    TRY(site.options.cancel.check());
    if (member.path == k_layout_file || layout.exists(member.path)) continue;
    const size_t slash = member.path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : member.path.substr(0, slash);
    for (size_t at = folder.find('/'); !folder.empty() && at != std::string::npos; at = folder.find('/', at + 1)) {
      (void)TRY(layout.open_or_make_dir(folder.substr(0, at), k_directory_mode));
    }
    const OutputPlace place{TRY(layout.open_or_make_dir(folder, k_directory_mode)), member.path.substr(slash + 1)};
    PendingOutput pending(place);
    const Fd file = TRY(place.parent.open_file(pending.name(), O_WRONLY | O_CREAT | O_EXCL, k_output_file_mode));
    TRY(run_packer(site, {member}, storage::PackForm::content, file.get()));
    TRY(pending.publish());
  }
  // Who adds at the same time reads the index after it is written here. The index itself is replaced and cannot be the
  // file that is locked.
  std::optional<FileLock> lock;
  if (layout.exists(k_layout_file)) {
    lock = TRY(FileLock::acquire(layout, k_layout_file, LockMode::exclusive, site.options.cancel));
  }
  const auto old = TRY(layout.read_file(k_index_file));
  for (const auto& member : plan) {
    if (member.path != k_index_file) continue;
    const auto merged = TRY(merge_indexes(old, member.text).context("'" + printable(output) + "/index.json'"));
    TRY(layout.write_file(k_index_file, merged, Sync::no, k_output_file_mode));
  }
  return ok();
}

bool is_layout(const std::string& path) { return path_exists(path + "/" + k_index_file); }

Result<void> write_layout(const PackSite& site, const std::string& output, const storage::PackPlan& plan) {
  if (is_layout(output)) return add_to_layout(site, output, plan);
  auto written = write_directory(site, output, plan, false);
  // Somebody else has made it meanwhile.
  if (!written && written.error().code() == Errc::exists && is_layout(output)) return add_to_layout(site, output, plan);
  return written;
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
    if (store.blobs().is_readable(layer.digest)) continue;
    return Error(Errc::not_found, "layer " + layer.digest.to_string() + " is not kept in its compressed form")
        .with_hint("pull the image again before saving it");
  }
  for (const auto& diff_id : image.config.diff_ids) {
    const auto layer = TRY(store.layers().locate(diff_id));
    if (!layer) return Error(Errc::not_found, "layer " + diff_id.digest.to_string() + " is not in the store");
    image.layer_sizes.push_back(layer->record.size_bytes);
  }
  return image;
}

Result<void> check_layers(const SavedImage& image, const SaveOptions& save) {
  if (save.layers != SaveOptions::Layers::compressed) return ok();
  for (const auto& layer : image.manifest.layers) {
    if (oci::media_kind(layer.media_type) != oci::MediaKind::layer_tar) continue;
    return Error(Errc::unsupported, "layer " + layer.digest.to_string() + " is stored uncompressed")
        .with_hint("push the image to a registry with --compression-format gzip");
  }
  return ok();
}

ManifestFamily family_of(const SaveOptions& save) {
  if (save.manifest_type.empty()) return ManifestFamily::as_stored;
  return save.manifest_type == "oci" ? ManifestFamily::oci : ManifestFamily::docker;
}

Result<storage::PackPlan> plan_for(const std::vector<SavedImage>& images, const SaveOptions& save) {
  const auto form = save.layers == SaveOptions::Layers::uncompressed ? LayerForm::uncompressed : LayerForm::as_stored;
  if (save.format == "docker-archive") return plan_docker_archive(images);
  if (save.format == "docker-dir") return plan_image_directory(images.front(), form, ManifestFamily::docker);
  if (save.format == k_directory_format) return plan_image_directory(images.front(), form, family_of(save));
  return plan_oci_layout(images, form);
}

// A name in an archive of docker is docker.io's unless it says otherwise.
Result<std::string> docker_name(const std::string& name) {
  auto reference = TRY(oci::parse_reference(name));
  if (reference.is_short()) reference = TRY(oci::parse_reference("docker.io/" + name));
  if (reference.digest) return Error(Errc::invalid, "'" + printable(name) + "': a tag cannot have a digest");
  return reference.with_default_tag().to_string();
}

// Of the manifest that was written; an archive of docker has none, and then that of the store counts.
Result<std::string> pushed_digest(const EngineOptions& options, const std::string& image_id,
                                  const std::string& format) {
  const auto store = TRY(storage::Store::open(options.paths, options.cancel, options.log));
  const auto record = TRY(store.images().find({.names = {}, .id_prefix = image_id}));
  if (!record) return Error(Errc::not_found, image_id + ": image not known");
  auto text = TRY(store.blobs().read(record->manifest.digest));
  const auto manifest = TRY(store.images().read_manifest(*record));
  return digest_of(TRY(manifest_in_format(manifest, std::move(text), format)).text).to_string();
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
    TRY(check_layers(images.back(), save).context("save '" + image.id.substr(0, 12) + "'"));
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
  TRY((save.adds_to_layout ? write_layout(site, save.output, plan)
       : to_directory      ? write_directory(site, save.output, plan, save.format == k_directory_format)
                           : write_archive(site, save.output, std::move(plan)))
          .context(what));
  report(progress, images, true);
  progress.writing_manifest();
  for (const auto& image : wanted) record_image_event(options, store.dir(), "save", image.id, save.output);
  return ok();
}

Result<std::string> push_to_files(const EngineOptions& options, ProgressSink& progress, LoadedImage image,
                                  const ImageLocation& location, const PushOptions& push) {
  if (!push.sign_by.empty() || !push.sigstore_key_file.empty() || !push.sigstore_params_file.empty()) {
    return Error(Errc::unsupported, fmt::format("Can not copy signatures to {}", location_text(location)))
        .with_hint("images are signed where they are pushed to a registry");
  }
  SaveOptions save;
  save.output = location.path;
  save.manifest_type = push.format;
  if (location.index) {
    return Error(Errc::invalid, fmt::format("'@{}': an image is pushed under a name", *location.index));
  }
  const bool to_oci = location.transport == Transport::oci || location.transport == Transport::oci_archive;
  if (to_oci && !push.format.empty() && push.format != "oci") {
    return Error(Errc::unsupported,
                 fmt::format("{} holds images of format oci only", transport_name(location.transport)));
  }
  switch (location.transport) {
    case Transport::oci:
      save.format = "oci-dir";
      save.adds_to_layout = true;
      break;
    case Transport::oci_archive:
      save.format = "oci-archive";
      break;
    case Transport::dir:
      save.format = k_directory_format;
      if (push.compress_layers) save.layers = SaveOptions::Layers::compressed;
      break;
    case Transport::docker_archive:
    case Transport::registry:
      if (path_exists(location.path)) {
        return Error(Errc::exists, fmt::format("docker-archive doesn't support modifying existing images: '{}' exists",
                                               printable(location.path)));
      }
      break;
  }
  if (location.transport != Transport::docker_archive) image.names.clear();
  if (!location.name.empty()) image.names = {to_oci ? location.name : TRY(docker_name(location.name))};
  TRY(save_images(options, progress, {image}, save));
  return pushed_digest(options, image.id, to_oci ? "oci" : location.transport == Transport::dir ? push.format : "");
}

}  // namespace ctr::engine

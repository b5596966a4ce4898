#include "engine/commit.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <utility>

#include "base/oci/reference.h"
#include "base/text.h"
#include "engine/commit_config.h"
#include "engine/confined_worker.h"
#include "engine/container_info.h"
#include "engine/core.h"
#include "engine/fetch.h"
#include "engine/launch_record.h"
#include "engine/local_image.h"
#include "storage/layer_pack.h"
#include "storage/spool.h"
#include "storage/tree_worker.h"

namespace ctr::engine {
namespace {

// Number of the descriptor in a worker.
constexpr int k_stream_fd = k_worker_first_fd;
// What LocalImage calls the files.
constexpr const char* k_layer_file = "layer";
constexpr const char* k_config_file_name = "config";

// Files that have no name in any directory.
class NamelessFiles final : public ImageFiles {
 public:
  void add(std::string name, Fd file) { files_.insert_or_assign(std::move(name), std::move(file)); }

  Result<std::optional<FileSpan>> find(std::string_view name) const override {
    const auto found = files_.find(name);
    if (found == files_.end()) return std::optional<FileSpan>();
    struct stat info{};
    if (::fstat(found->second.get(), &info) < 0) return Error::from_errno("stat a temporary file");
    return std::optional(FileSpan{
        .file = TRY(found->second.duplicate()), .offset = 0, .size_bytes = static_cast<uint64_t>(info.st_size)});
  }

 private:
  std::map<std::string, Fd, std::less<>> files_;
};

// The container, which does not start meanwhile when it does not run.
struct Source {
  ContainerRecord record;
  LaunchRecord launch;
  std::vector<std::string> left_out;
  std::optional<FileLock> lock;
};

Result<Source> open_source(Core& core, const storage::ContainerEntry& entry) {
  const auto containers = TRY(core.store())->containers();
  Source source;
  source.lock = TRY(containers.lock(entry.id, LockMode::exclusive, core.cancel()));
  const auto dir = TRY(containers.open(entry.id));
  source.record = TRY(read_record(dir));
  source.launch = TRY(parse_launch_record(TRY(dir.read_file(k_launch_file)), dir.path() + "/" + k_launch_file));
  const auto config = TRY(parse_own_json(TRY(dir.read_file(k_config_file)), dir.path() + "/" + k_config_file));
  source.left_out = mounted_places(TRY(runtime::spec_from_json(config)).mounts, source.record.spec.secrets);
  if (source.launch.rootfs.kind == runtime::RootfsPlan::Kind::directory) {
    return Error(Errc::unsupported, "cannot commit a container that uses an exploded rootfs")
        .with_hint(fmt::format("write its files to an archive: ctr export {}", entry.name));
  }
  if (TRY(containers.is_running(entry.id))) source.lock.reset();
  return source;
}

Result<storage::PackedLayer> pack_changes(Core& core, const Source& source, int output_fd) {
  storage::ArchiveRequest request;
  request.form = storage::ArchiveRequest::Form::changes;
  request.place.lower_dirs = {source.launch.rootfs.upper_dir};
  request.left_out = source.left_out;
  request.stream_fd = k_stream_fd;
  request.answer_fd = k_worker_answer_fd;
  auto pipe = TRY(make_pipe());
  auto worker = TRY(ConfinedWorker::start(*TRY(core.host()), "archive-tree", storage::to_json(request),
                                          {{pipe.write_end.get(), k_stream_fd}}));
  pipe.write_end.reset();
  const auto packed = TRY(storage::pack_layer(pipe.read_end.get(), output_fd, core.cancel()));
  TRY(storage::tree_answer_from_json(TRY(worker.finish(core.cancel()))));
  return packed;
}

Result<storage::ImageRecord> find_base(Core& core, const ContainerRecord& record) {
  auto found = TRY(TRY(core.store())->images().find({.names = {}, .id_prefix = record.image_id}));
  if (found) return *std::move(found);
  return Error(Errc::not_found, fmt::format("the image of container {}, {}, is not in the store any more",
                                            printable(record.name), record.image_id));
}

oci::Descriptor describe(std::string_view document) {
  return {.media_type = {},
          .digest = digest_of(document),
          .size_bytes = document.size(),
          .platform = {},
          .annotations = {}};
}

Result<FetchOrder> order_of(oci::Manifest manifest, const oci::ImageConfig& config, const std::string& name) {
  auto document = dump_json(oci::to_json(manifest));
  auto descriptor = describe(document);
  descriptor.media_type = manifest.media_type;
  FetchOrder order{.chain = {}, .names = {}, .repo_digests = {}, .platform = config.platform, .event = {}};
  if (!name.empty()) {
    order.names = {name};
    const auto reference = TRY(oci::parse_reference(name));
    order.repo_digests = {reference.name() + "@" + descriptor.digest.to_string()};
  }
  order.chain.push_back(
      {.descriptor = std::move(descriptor), .bytes = std::move(document), .parsed = std::move(manifest)});
  return order;
}

}  // namespace

Result<std::string> commit_image(const EngineOptions& options, ProgressSink& progress, const CommitRequest& request) {
  Core core(options);
  const auto* store = TRY(core.store());
  TRY(store->sweep());
  const auto entry = TRY(resolve_container(core, request.container));
  NamelessFiles files;
  Fd layer_file = TRY(storage::make_spool(store->dir()));
  auto source = TRY(open_source(core, entry));
  const auto packed = TRY(pack_changes(core, source, layer_file.get()));
  // Locks of images come before those of containers.
  source.lock.reset();
  const auto base = TRY(find_base(core, source.record));
  files.add(k_layer_file, std::move(layer_file));
  const auto config = TRY(commit_config(TRY(store->images().read_config(base)), source.record, request,
                                        oci::DiffId{packed.diff_id}, now()));
  const auto config_text = dump_json(oci::to_json(config));
  Fd config_file = TRY(storage::make_spool(store->dir()));
  TRY(write_all(config_file.get(), config_text, "the image configuration"));
  files.add(k_config_file_name, std::move(config_file));

  const oci::Descriptor layer{
      .media_type = {}, .digest = packed.blob, .size_bytes = packed.size_bytes, .platform = {}, .annotations = {}};
  auto manifest =
      TRY(commit_manifest(TRY(store->images().read_manifest(base)), request.format, describe(config_text), layer));
  LocalImage image;
  image.blobs = {{layer.digest, k_layer_file}, {manifest.config.digest, k_config_file_name}};
  const auto order = TRY(order_of(std::move(manifest), config, request.name));
  FileOrigin origin(files, image, progress, options.cancel);
  const FetchSite site{options, progress, *store, *TRY(core.host())};
  auto id = TRY(fetch_image(site, origin, order));
  core.record_event("container", "commit", entry.id.text(), source.record.name, source.record.image_name);
  return id;
}

}  // namespace ctr::engine

#include "engine/commit.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "engine/commit_config.h"
#include "engine/confined_worker.h"
#include "engine/container_info.h"
#include "engine/core.h"
#include "engine/launch_record.h"
#include "engine/made_image.h"
#include "storage/layer_pack.h"
#include "storage/spool.h"
#include "storage/tree_worker.h"

namespace ctr::engine {
namespace {

// Number of the descriptor in a worker.
constexpr int k_stream_fd = k_worker_first_fd;
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

// The changes alone, or with `squash` everything that the layers show.
Result<storage::PackedLayer> pack_files(Core& core, const Source& source, bool squash, int output_fd) {
  storage::ArchiveRequest request;
  request.form = squash ? storage::ArchiveRequest::Form::layers : storage::ArchiveRequest::Form::changes;
  request.place.lower_dirs = {source.launch.rootfs.upper_dir};
  if (squash) {
    const auto& below = source.launch.rootfs.lower_dirs;
    request.place.lower_dirs.insert(request.place.lower_dirs.end(), below.begin(), below.end());
  }
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

}  // namespace

Result<std::string> commit_image(const EngineOptions& options, ProgressSink& progress, const CommitRequest& request) {
  Core core(options);
  const auto* store = TRY(core.store());
  TRY(store->sweep());
  const auto entry = TRY(resolve_container(core, request.container));
  Fd layer = TRY(storage::make_spool(store->dir()));
  auto source = TRY(open_source(core, entry));
  std::string given;
  if (!request.config_file.empty()) given = TRY(read_file(request.config_file));
  const auto packed = TRY(pack_files(core, source, request.squash, layer.get()));
  // Locks of images come before those of containers.
  source.lock.reset();
  const auto base = TRY(find_base(core, source.record));
  MadeImage image{.layer_file = std::move(layer),
                  .layer = packed,
                  .config = TRY(commit_config(TRY(store->images().read_config(base)), source.record, request,
                                              oci::DiffId{packed.diff_id}, now(), given)),
                  .base = {},
                  .format = request.format,
                  .name = request.name,
                  .event = {}};
  if (!request.squash) image.base = TRY(store->images().read_manifest(base));
  auto id = TRY(store_made_image({options, progress, *store, *TRY(core.host())}, std::move(image)));
  core.record_event(container_event("commit", source.record));
  return id;
}

}  // namespace ctr::engine

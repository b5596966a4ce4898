#include "engine/file_verbs.h"

#include <fmt/format.h>

#include "base/text.h"
#include "engine/commit_config.h"
#include "engine/container_info.h"
#include "engine/core.h"
#include "engine/diff.h"
#include "engine/image_lookup.h"
#include "engine/launch_record.h"
#include "engine/pause.h"
#include "engine/remove.h"
#include "engine/root_mounts.h"
#include "engine/transfer.h"
#include "engine/volumes.h"

namespace ctr::engine {
namespace {

// What a start would do to the volumes of a stopped container: the first that uses one fills it.
Result<void> prepare_container(Core& core, const storage::ContainerEntry& entry) {
  const auto containers = TRY(core.store())->containers();
  const auto lock = TRY(containers.lock(entry.id, LockMode::exclusive, core.cancel()));
  if (TRY(containers.is_running(entry.id))) return ok();
  const auto dir = TRY(containers.open(entry.id));
  const auto record = TRY(read_record(dir));
  if (record.mounts.empty()) return ok();
  const auto config = TRY(parse_own_json(TRY(dir.read_file(k_config_file)), dir.path() + "/" + k_config_file));
  const auto spec = TRY(runtime::spec_from_json(config));
  const auto launch = TRY(parse_launch_record(TRY(dir.read_file(k_launch_file)), dir.path() + "/" + k_launch_file));
  return prepare_volumes(core, {record, spec, launch.rootfs, false});
}

// The container's processes at rest, as far as the user wants it and the host can do it.
Result<std::optional<Standstill>> hold_still(Core& core, const storage::ContainerEntry& entry,
                                             CommitRequest::Pause pause) {
  if (pause == CommitRequest::Pause::no) return std::optional<Standstill>();
  auto still = Standstill::begin(core, entry.id, "pause");
  if (still || pause == CommitRequest::Pause::yes || still.error().code() != Errc::unsupported) return still;
  core.debug("the container is committed while it runs: " + still.error().message());
  return std::optional<Standstill>();
}

class LocalFileVerbs final : public FileVerbs {
 public:
  explicit LocalFileVerbs(Core& core) : core_(core) {}

  Result<std::vector<ChangedPath>> diff(TreeKind kind, const std::string& name, const std::string& base) override {
    return diff_named(core_, kind, name, base);
  }

  Result<void> copy(const CopyRequest& request) override {
    std::vector<storage::ContainerEntry> entries;
    for (const auto* end : {&request.source, &request.destination}) {
      if (end->kind == CopyEnd::Kind::volume) (void)TRY(find_volume(core_, end->container, Engine::Lookup::exact));
      if (end->kind != CopyEnd::Kind::container) continue;
      auto entry = resolve_container(core_, end->container);
      if (!entry && entry.error().code() == Errc::not_found) {
        return Error(Errc::not_found, fmt::format("container \"{}\" does not exist", printable(end->container)))
            .with_hint("`ctr ps --all` lists the containers");
      }
      entries.push_back(TRY(std::move(entry)));
    }
    for (const auto& entry : entries) TRY(prepare_container(core_, entry));
    TransferRequest transfer;
    transfer.verb = TransferRequest::Verb::copy;
    transfer.copy = request;
    TRY(run_transfer(core_.options(), std::move(transfer)));
    return ok();
  }

  Result<std::string> mount_volume(const std::string& name) override { return engine::mount_volume(core_, name); }
  Result<std::string> unmount_volume(const std::string& name) override { return engine::unmount_volume(core_, name); }

  Result<void> export_container(const ExportRequest& request) override {
    (void)TRY(resolve_container(core_, request.container));
    TransferRequest transfer;
    transfer.verb = TransferRequest::Verb::export_;
    transfer.export_request = request;
    TRY(run_transfer(core_.options(), std::move(transfer)));
    return ok();
  }

  Result<std::string> commit(CommitRequest request) override {
    const auto entry = TRY(resolve_container(core_, request.container));
    // Mistakes are told before anything is read.
    TRY(check_commit(request));
    if (!request.name.empty()) request.name = TRY(full_tag_name(request.name));
    const auto still = TRY(hold_still(core_, entry, request.pause));
    TransferRequest transfer;
    transfer.verb = TransferRequest::Verb::commit;
    transfer.commit = std::move(request);
    transfer.commit.container = entry.id.text();
    auto answer = run_transfer(core_.options(), std::move(transfer));
    // A layer half unpacked is in the trash.
    if (!answer) reclaim_space(core_);
    auto image = TRY(std::move(answer)).image_ids;
    if (image.size() != 1) return Error(Errc::internal, "ctr-transfer has made no image");
    return std::move(image.front());
  }

 private:
  Core& core_;
};

}  // namespace

std::unique_ptr<FileVerbs> make_file_verbs(Core& core) { return std::make_unique<LocalFileVerbs>(core); }

}  // namespace ctr::engine

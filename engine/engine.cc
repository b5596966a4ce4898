// The Engine interface over its parts.
#include "engine/engine.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/container_info.h"
#include "engine/container_verbs.h"
#include "engine/core.h"
#include "engine/create.h"
#include "engine/doctor.h"
#include "engine/exec.h"
#include "engine/file_verbs.h"
#include "engine/filters.h"
#include "engine/image_lookup.h"
#include "engine/image_verbs.h"
#include "engine/images.h"
#include "engine/inspect.h"
#include "engine/lifecycle.h"
#include "engine/list_verbs.h"
#include "engine/logs.h"
#include "engine/network_verbs.h"
#include "engine/pod_record.h"
#include "engine/pods.h"
#include "engine/provide.h"
#include "engine/remove.h"
#include "engine/secrets.h"
#include "engine/storage_config.h"
#include "engine/system.h"
#include "engine/system_verbs.h"
#include "engine/transfer.h"
#include "engine/transport.h"
#include "engine/volumes.h"
#include "runtime/launch.h"

namespace ctr::engine {

std::string_view state_name(ContainerState state) {
  switch (state) {
    case ContainerState::created:
      return "created";
    case ContainerState::initialized:
      return "initialized";
    case ContainerState::running:
      return "running";
    case ContainerState::paused:
      return "paused";
    case ContainerState::exited:
      return "exited";
    case ContainerState::stopping:
      return "stopping";
    case ContainerState::removing:
      return "removing";
  }
  return "unknown";
}

namespace {

class LocalEngine final : public Engine {
 public:
  explicit LocalEngine(EngineOptions options)
      : core_(std::move(options)),
        image_verbs_(make_image_verbs(core_)),
        list_verbs_(make_list_verbs(core_)),
        container_verbs_(make_container_verbs(core_)),
        pod_verbs_(make_pod_verbs(core_)),
        file_verbs_(make_file_verbs(core_)),
        network_verbs_(make_network_verbs(core_)),
        system_verbs_(make_system_verbs(core_)) {}

  Result<ContainerInfo> create(ContainerSpec spec, const CreateOptions& options) override {
    spec.cgroup_manager = core_.options().cgroup_manager;
    created_ = TRY(create_container(core_, std::move(spec), options));
    return created_->info;
  }

  Result<void> start(const ContainerId& id) override {
    const auto entry = TRY(entry_of(id));
    TRY(start_container(core_, {entry, just_created(id)}));
    return ok();
  }

  Result<void> initialize(const ContainerId& id) override { return initialize_container(core_, TRY(entry_of(id))); }

  Result<AttachEnd> start_attached(const ContainerId& id, const AttachOptions& attach,
                                   const std::function<void()>& on_started) override {
    const auto entry = TRY(entry_of(id));
    return run_attached(core_, {entry, just_created(id), &attach}, on_started);
  }

  Result<std::vector<std::string>> explain(ContainerSpec spec, const CreateOptions& options) override {
    (void)options;
    const auto* host = TRY(core_.host());
    spec.cgroup_manager = core_.options().cgroup_manager;
    const auto prepared = TRY(rehearse_container(core_, std::move(spec)));
    return runtime::explain_launch(prepared.spec, prepared.launch.rootfs, *host,
                                   planned_files(prepared.record.spec.secrets));
  }

  Result<AttachEnd> attach(const ContainerId& id, const AttachOptions& attach) override {
    return attach_container(core_, TRY(entry_of(id)), attach);
  }

  Result<AttachEnd> exec(const ContainerId& id, const ExecOptions& options, const AttachOptions& attach) override {
    if (!options.detach) return exec_in_container(core_, TRY(entry_of(id)), options, attach);
    TRY(exec_detached(core_, TRY(entry_of(id)), options));
    return AttachEnd{};
  }

  Result<void> stop(const ContainerId& id, const StopOptions& options) override {
    return stop_container(core_, TRY(entry_of(id)), options);
  }

  Result<void> restart(const ContainerId& id, const StopOptions& options) override {
    return restart_container(core_, TRY(entry_of(id)), options);
  }

  Result<void> kill(const ContainerId& id, int signal) override {
    return kill_container(core_, TRY(entry_of(id)), signal);
  }

  Result<void> remove(const ContainerId& id, const RemoveOptions& options) override {
    auto entry = entry_of(id);
    if (!entry && entry.error().code() == Errc::not_found) return ok();
    return remove_container(core_, TRY(std::move(entry)), options);
  }

  Result<int> wait(const ContainerId& id, const std::vector<std::string>& conditions,
                   std::chrono::milliseconds interval) override {
    return wait_container(core_, TRY(entry_of(id)), conditions, interval);
  }

  Result<void> logs(const ContainerId& id, const LogOptions& options,
                    const std::function<Result<void>(const LogLine&)>& sink) override {
    return read_container_logs(core_, {id}, options, [&](size_t, const LogLine& line) { return sink(line); });
  }

  Result<ContainerInfo> find_container(const std::string& name_or_id) override {
    return TRY(view_container(core_, TRY(resolve_container(core_, name_or_id)))).info;
  }

  Result<std::vector<ContainerInfo>> list_containers() override { return list_all(core_); }
  Result<void> visit_containers(const ContainerVisitor& visit) override { return visit_all(core_, visit); }

  Result<std::vector<std::pair<ContainerInfo, Outcome>>> select(const Selection& selection) override;

  Result<bool> matches(const ContainerInfo& info, const std::vector<ContainerFilter>& filters) override {
    return container_matches(info, filters, filter_context());
  }

  Result<Json> inspect_container(const ContainerInfo& info, bool with_size) override {
    auto json = inspect_document(TRY(view_container(core_, TRY(entry_of(info.id)))));
    if (with_size) {
      const auto size = TRY(container_size(info));
      json.set("SizeRw", size.rw_bytes).set("SizeRootFs", size.rootfs_bytes);
    }
    return json;
  }

  Result<ContainerSize> container_size(const ContainerInfo& info) override { return measure_container(core_, info); }

  Result<std::vector<std::string>> pull(const std::string& reference, const PullOptions& options) override {
    return provide_image(core_, reference, options);
  }

  Result<void> push(const std::string& image, const std::string& destination, const PushOptions& options) override {
    auto single = get_single_image(core_, image);
    if (!single && single.error().code() == Errc::not_found && TRY(list_verbs_->exists(image))) {
      // As podman: a list that has no image for this host is pushed as a list.
      TRY(list_verbs_->push(image, destination, {.push = options, .all = true, .remove = false}));
      return ok();
    }
    const auto found = TRY(std::move(single));
    TransferRequest request;
    request.verb = TransferRequest::Verb::push;
    request.image_id = found.record.id.hex();
    request.reference = destination.empty() ? found.name : destination;
    TRY(parse_location(request.reference));
    request.push = options;
    // What an archive of docker calls it unless the destination says otherwise.
    const auto& names = found.record.names;
    if (std::find(names.begin(), names.end(), found.name) != names.end()) {
      request.images = {{.id = found.record.id.hex(), .names = {found.name}}};
    }
    const auto answer = TRY(run_transfer(core_.options(), request));
    if (options.digest_file.empty()) return ok();
    // Replaced when it is there, as podman does: the next push of a script writes the same file.
    const Fd file = TRY(open_path(options.digest_file, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    return write_all(file.get(), answer.digest, "'" + printable(options.digest_file) + "'");
  }

  Result<std::vector<ImageInfo>> list_images() override { return engine::list_images(core_); }

  Result<std::vector<std::string>> names_of_images() override {
    const auto* store = TRY(core_.store());
    std::vector<std::string> names;
    auto records = TRY(store->images().list());
    for (auto& record : store->images().list_others()) records.push_back(std::move(record));
    for (const auto& record : records) names.insert(names.end(), record.names.begin(), record.names.end());
    return names;
  }

  Result<ImageInfo> find_image(const std::string& name_or_id) override {
    return describe_image(core_, TRY(get_single_image(core_, name_or_id)).record);
  }

  Result<bool> image_matches(const ImageInfo& info, const std::vector<ContainerFilter>& filters) override {
    return engine::image_matches(info, filters, image_filter_context());
  }

  Result<Json> inspect_image(const ImageInfo& info) override {
    const auto* store = TRY(core_.store());
    const auto driver = TRY(storage::find_driver(store->root()));
    return inspect_document(info, *store, storage::driver_name(driver.value_or(storage::OverlayDriver::native)));
  }

  Result<void> tag(const std::string& image, const std::string& name) override { return tag_image(core_, image, name); }

  Result<void> untag(const std::string& image, const std::vector<std::string>& names) override {
    return untag_image(core_, image, names);
  }

  Result<RemoveImageReport> remove_image(const std::string& name_or_id, bool force, bool prune_parents) override {
    (void)prune_parents;  // layers are shared by digest: an image has no parents of its own
    return engine::remove_image(core_, name_or_id, force);
  }

  Result<std::vector<std::string>> prune_images(bool all, const std::vector<ContainerFilter>& filters) override {
    TRY(check_image_filters(filters, image_filter_context()));
    return engine::prune_images(core_, all || filters_names(filters),
                                [&](const ImageInfo& info) { return image_matches(info, filters); });
  }

  ImageVerbs& image_verbs() { return *image_verbs_; }
  ListVerbs& list_verbs() { return *list_verbs_; }
  ContainerVerbs& container_verbs() { return *container_verbs_; }
  PodVerbs& pod_verbs() { return *pod_verbs_; }
  FileVerbs& file_verbs() { return *file_verbs_; }
  NetworkVerbs& network_verbs() { return *network_verbs_; }
  SystemVerbs& system_verbs() { return *system_verbs_; }

  Result<VolumeInfo> create_volume(const VolumeOptions& options) override {
    return engine::create_volume(core_, options);
  }

  Result<std::vector<VolumeInfo>> list_volumes(const std::vector<ContainerFilter>& filters) override {
    auto context = filter_context();
    context.created_of = [this](const std::string& name) -> Result<TimePoint> {
      return TRY(engine::find_volume(core_, name, Lookup::unique_prefix)).created;
    };
    TRY(volume_matches({}, filters, context));
    std::vector<VolumeInfo> found;
    for (auto& info : TRY(engine::list_volumes(core_))) {
      if (TRY(volume_matches(info, filters, context))) found.push_back(std::move(info));
    }
    return found;
  }

  Result<std::vector<std::string>> names_of_volumes() override {
    std::vector<std::string> names;
    for (const auto& record : TRY(TRY(core_.store())->volumes().list())) names.push_back(record.name);
    return names;
  }

  Result<VolumeInfo> find_volume(const std::string& name, Lookup lookup) override {
    return engine::find_volume(core_, name, lookup);
  }

  Result<void> remove_volume(const std::string& name, const RemoveOptions& options) override {
    return engine::remove_volume(core_, name, options);
  }

  Result<std::string> create_secret(const SecretOptions& options, const std::string& data) override {
    return engine::create_secret(core_, options, data);
  }

  Result<std::vector<SecretInfo>> list_secrets(const std::vector<ContainerFilter>& filters) override {
    TRY(secret_matches({}, filters));
    std::vector<SecretInfo> found;
    for (auto& info : TRY(engine::list_secrets(core_))) {
      if (TRY(secret_matches(info, filters))) found.push_back(std::move(info));
    }
    return found;
  }

  Result<SecretInfo> find_secret(const std::string& name_or_id) override {
    return engine::find_secret(core_, name_or_id);
  }

  Result<std::string> read_secret(const SecretInfo& secret) override { return engine::read_secret(core_, secret); }

  Result<std::string> remove_secret(const std::string& name_or_id) override {
    return engine::remove_secret(core_, name_or_id);
  }

  Result<std::string> login(const LoginOptions& options) override { return login_to_registry(core_, options); }
  Result<std::string> stored_login(const LoginOptions& options) override { return find_login(core_, options); }
  Result<void> logout(const std::string& registry, bool all, const std::string& authfile) override {
    return logout_of_registry(core_, registry, all, authfile);
  }

  Result<const Config*> config() override { return core_.config(); }
  Result<StorageConfig> storage_config() override { return load_storage_config(core_.options(), StorageFiles::all); }
  Result<Json> info() override { return info_document(core_); }

  Result<std::vector<Check>> doctor() override {
    const auto* host = TRY(core_.host());
    const auto& options = core_.options();
    return run_checks(*host, options.paths, options.environment, host_probes(*host, options.paths));
  }

  Result<int> unshare(const std::vector<std::string>& argv) override { return unshare_command(core_, argv); }
  Result<void> reset() override { return reset_everything(core_); }

 private:
  Result<storage::ContainerEntry> entry_of(const ContainerId& id) {
    if (const auto* created = just_created(id)) {
      return storage::ContainerEntry{TRY(storage_id(id)), created->info.name};
    }
    return resolve_container(core_, id.hex);
  }

  CreatedContainer* just_created(const ContainerId& id) {
    return created_ && created_->info.id == id ? &*created_ : nullptr;
  }

  FilterContext filter_context() {
    FilterContext context;
    context.now = now();
    context.created_of = [this](const std::string& name) -> Result<TimePoint> {
      auto container = find_container(name);
      if (container) return container->created;
      const auto image = find_image(name);
      if (image) return image->created;
      return std::move(container).error();
    };
    context.image_ids_of = [this](const std::string& name) -> Result<std::vector<std::string>> {
      const auto image = TRY(find_image_record(core_, name));
      if (!image) return std::vector<std::string>{};
      return std::vector<std::string>{image->record.id.hex()};
    };
    context.pod_id_of = [this](const std::string& name) -> Result<std::string> {
      const auto pod = resolve_pod(core_, name);
      if (!pod && pod.error().code() == Errc::not_found) return std::string();
      return TRY(Result(pod)).id.text();
    };
    return context;
  }

  // Of images, before= and since= name images only.
  FilterContext image_filter_context() {
    auto context = filter_context();
    context.created_of = [this](const std::string& name) -> Result<TimePoint> {
      return TRY(describe_image(core_, TRY(get_image_record(core_, name)).record)).created;
    };
    return context;
  }

  Core core_;
  std::unique_ptr<ImageVerbs> image_verbs_;
  std::unique_ptr<ListVerbs> list_verbs_;
  std::unique_ptr<ContainerVerbs> container_verbs_;
  std::unique_ptr<PodVerbs> pod_verbs_;
  std::unique_ptr<FileVerbs> file_verbs_;
  std::unique_ptr<NetworkVerbs> network_verbs_;
  std::unique_ptr<SystemVerbs> system_verbs_;
  std::optional<CreatedContainer> created_;
};

Result<std::vector<std::pair<ContainerInfo, Outcome>>> LocalEngine::select(const Selection& selection) {
  std::vector<std::pair<ContainerInfo, Outcome>> selected;
  const auto add = [&](ContainerInfo info, std::string typed) {
    Outcome outcome;
    outcome.typed = std::move(typed);
    outcome.id = info.id;
    selected.emplace_back(std::move(info), std::move(outcome));
  };
  for (const auto& name : selection.names) {
    auto info = find_container(name);
    if (info) {
      add(std::move(*info), name);
      continue;
    }
    if (info.error().code() == Errc::not_found && selection.ignore_missing) continue;
    Outcome outcome;
    outcome.typed = name;
    outcome.error = info.error();
    selected.emplace_back(ContainerInfo{}, std::move(outcome));
  }
  if (!selection.all && !selection.latest && selection.filters.empty()) return selected;
  auto infos = TRY(list_all(core_));
  if (selection.latest && !infos.empty()) infos.erase(infos.begin(), infos.end() - 1);
  if (selection.latest && infos.empty()) return Error(Errc::not_found, "no containers found: no such container");
  for (auto& info : infos) {
    const bool counts_as_running = info.state == ContainerState::running || info.restart_pending ||
                                   (selection.or_initialized && info.state == ContainerState::initialized);
    if (selection.running_only && !counts_as_running) continue;
    if (!TRY(matches(info, selection.filters))) continue;
    const auto typed = info.id.hex;
    add(std::move(info), typed);
  }
  return selected;
}

}  // namespace

// There is one kind of engine.
ImageVerbs& image_verbs(Engine& engine) { return static_cast<LocalEngine&>(engine).image_verbs(); }
ListVerbs& list_verbs(Engine& engine) { return static_cast<LocalEngine&>(engine).list_verbs(); }
ContainerVerbs& container_verbs(Engine& engine) { return static_cast<LocalEngine&>(engine).container_verbs(); }
PodVerbs& pod_verbs(Engine& engine) { return static_cast<LocalEngine&>(engine).pod_verbs(); }
SystemVerbs& system_verbs(Engine& engine) { return static_cast<LocalEngine&>(engine).system_verbs(); }
NetworkVerbs& network_verbs(Engine& engine) { return static_cast<LocalEngine&>(engine).network_verbs(); }
FileVerbs& file_verbs(Engine& engine) { return static_cast<LocalEngine&>(engine).file_verbs(); }

Result<std::unique_ptr<Engine>> Engine::open(EngineOptions options) {
  return std::unique_ptr<Engine>(std::make_unique<LocalEngine>(std::move(options)));
}

}  // namespace ctr::engine

#include "engine/create.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "base/users.h"
#include "engine/container_info.h"
#include "engine/dependencies.h"
#include "engine/host_probe.h"
#include "engine/image_lookup.h"
#include "engine/join_network.h"
#include "engine/layers_at_hand.h"
#include "engine/lingering.h"
#include "engine/names.h"
#include "engine/networks.h"
#include "engine/pod_join.h"
#include "engine/pod_record.h"
#include "engine/ports.h"
#include "engine/provide.h"
#include "engine/remove.h"
#include "engine/root_files.h"
#include "engine/secrets.h"
#include "engine/shared_namespaces.h"
#include "engine/user_namespace.h"
#include "engine/volumes.h"

namespace ctr::engine {

namespace {

constexpr int k_name_attempts = 16;

Error name_taken(Core& core, const std::string& name, const Error& error) {
  const auto* store = core.store().value();
  const auto owner = store->containers().resolve(name);
  if (!owner) return error;
  return Error(Errc::exists,
               fmt::format("creating container storage: the container name \"{}\" is already in use by {}. You have to "
                           "remove that container to be able to reuse that name: that name is already in use, or use "
                           "--replace to instruct ctr to do so.",
                           name, owner->id.text()));
}

// The file of --cidfile: made first with O_EXCL, so that two containers cannot share it, and gone if creation fails.
class CidFile {
 public:
  CidFile() = default;
  CidFile(const CidFile&) = delete;
  CidFile& operator=(const CidFile&) = delete;
  ~CidFile() {
    if (!path_.empty() && !kept_) unlink(path_.c_str());
  }
  Result<void> make(const std::string& path, const std::string& id) {
    if (path.empty()) return ok();
    auto made = create_file(path, id);
    if (!made && made.error().sys() == EEXIST) {
      return Error(Errc::exists, fmt::format("container id file exists. Ensure another container is not using it or "
                                             "delete {}",
                                             printable(path)));
    }
    TRY(std::move(made).context("--cidfile"));
    path_ = path;
    return ok();
  }
  void keep() { kept_ = true; }

 private:
  std::string path_;
  bool kept_ = false;
};

Result<void> write_files(const Dir& dir, const PreparedContainer& prepared, Sync sync) {
  for (const auto& [name, content] : prepared.files) TRY(dir.write_file(name, content, Sync::no, 0644));
  if (!prepared.seccomp_bpf.empty()) TRY(dir.write_file(k_filter_file, prepared.seccomp_bpf, Sync::no));
  TRY(dir.write_file(k_config_file, dump_json(to_json(prepared.spec)), sync));
  TRY(dir.write_file(k_launch_file, dump_json(to_json(prepared.launch)), sync));
  return dir.write_file(k_record_file, dump_json(to_json(prepared.record)) + "\n", sync);
}

// Reserves the name and starts the directory; a made-up name that is taken is made up again.
Result<storage::ContainerStaging> begin(Core& core, const storage::ContainerId& id, const ContainerSpec& spec,
                                        std::string& name) {
  const auto* store = TRY(core.store());
  for (int attempt = 1;; ++attempt) {
    auto staging = store->containers().begin(id, name, core.cancel());
    if (staging || staging.error().code() != Errc::exists) return staging;
    if (!spec.name.empty() || attempt == k_name_attempts) return name_taken(core, name, staging.error());
    name = made_up_name(random_number());
  }
}

Result<void> replace_existing(Core& core, const std::string& name) {
  const auto* store = TRY(core.store());
  const auto entry = store->containers().resolve(name);
  if (!entry || entry->name != name) return ok();
  RemoveOptions options;
  options.force = true;
  options.volumes = true;
  return remove_container(core, *entry, options);
}

void tell_of_lingering(Core& core, const ContainerSpec& spec) {
  if (spec.restart.policy == RestartSpec::Policy::no) return;
  const auto user = find_host_user(core.options().uid);
  if (!user || !*user) return;
  const auto exists = [](const std::string& path) { return path_exists(path); };
  if (const auto notice = lingering_notice(spec.restart, core.options().uid, (*user)->name, exists)) core.warn(*notice);
}

}  // namespace

Result<std::string> choose_name(Core& core, const ContainerSpec& spec) {
  (void)core;
  if (spec.name.empty()) return made_up_name(random_number());
  TRY(check_name(spec.name));
  return spec.name;
}

Result<void> settle_limits(Core& core, ResourceSpec& limits) {
  if (limits.cpu_rt_period_us) core.warn("Realtime period not supported on cgroups V2 systems");
  if (limits.cpu_rt_runtime_us) core.warn("Realtime runtime not supported on cgroups V2 systems");
  limits.cpu_rt_period_us.reset();
  limits.cpu_rt_runtime_us.reset();
  return find_limited_devices(limits);
}

namespace {

// Whether a second try may find what the first has not: layers of the image, or of images that are mounted.
Result<bool> bring_all_layers(Core& core, const ContainerSpec& spec, const std::string& image) {
  bool any = false;
  const auto bring = [&](const std::string& name) -> Result<void> {
    const auto found = find_image_record(core, name);
    if (found && *found) any = TRY(bring_layers(core, (*found)->record)) || any;
    return ok();
  };
  if (!image.empty()) TRY(bring(image));
  for (const auto& mount : spec.mounts) {
    if (mount.type == MountSpec::Type::image) TRY(bring(mount.source));
  }
  return any;
}

// The names in `spec` become ids, which stand for themselves at the next try.
Result<CreatedContainer> create_from(Core& core, ContainerSpec& spec, const CreateOptions& options,
                                     const std::string& image) {
  auto name = TRY(choose_name(core, spec));
  TRY(resolve_secrets(core, spec.secrets));
  TRY(resolve_dependencies(core, spec.dependencies));
  TRY(resolve_pod_of(core, spec));
  TRY(resolve_network(core, spec));
  TRY(resolve_userns(core, spec));
  TRY(resolve_shared_namespaces(core, spec));
  const auto* store = TRY(core.store());
  if (options.replace && !spec.name.empty()) TRY(replace_existing(core, spec.name));
  const auto id = storage::ContainerId::make_random();
  CidFile cid_file;
  TRY(cid_file.make(spec.cid_file, id.text()));

  // Images and layers that are found from here on stay until the directory that names them is visible.
  const auto images = TRY(store->images().hold(core.cancel()));
  const auto ids = TRY(hold_ids(core, spec));
  auto staging = TRY(begin(core, id, spec, name));
  const auto& bundle = staging.final_path();
  const auto base = TRY(find_base(core, spec, id, bundle, image));
  CreatedContainer created;
  const std::vector<std::string> exposed(base.config.exposed_ports.begin(), base.config.exposed_ports.end());
  created.sockets = TRY(settle_ports(core, spec, exposed, options.starts ? PortsFor::start : PortsFor::later));
  created.prepared = TRY(prepare_container(core, {spec, id.text(), name, bundle}, base));
  auto& prepared = created.prepared;
  if (!options.preserved_fds.empty() && !prepared.launch.runtime.empty()) {
    return Error(Errc::unsupported, "--preserve-fds is not supported with --runtime");
  }
  created.preserved_fds = options.preserved_fds;
  TRY(staging.dir().make_dir("rootfs", 0700));
  const auto pod = TRY(enter_pod(core, id, spec.pod));
  const auto dependencies = TRY(DependenciesOfNew::hold(core, id, spec.dependencies));
  auto volumes = TRY(VolumesOfNew::hold(core, prepared));
  const auto networks = TRY(hold_networks(core.options().paths.store, prepared.record.spec.network, core.cancel()));
  TRY(write_files(staging.dir(), prepared, spec.auto_remove ? Sync::no : Sync::yes));
  created.info = info_of(summarize(prepared.record));
  TRY(staging.commit());
  volumes.keep();
  cid_file.keep();
  core.record_event(container_event("create", prepared.record));
  tell_of_lingering(core, spec);
  return created;
}

}  // namespace

Result<CreatedContainer> create_container(Core& core, ContainerSpec spec, const CreateOptions& options) {
  // Mistakes are told before anything is pulled.
  TRY(settle_limits(core, spec.resources));
  TRY(settle_attachments(core.options().paths.store, spec.network));
  if (!spec.name.empty()) TRY(check_name(spec.name));
  std::string image;
  if (spec.rootfs.empty()) image = TRY(provide_image(core, spec.image, options.pull)).front();
  auto created = create_from(core, spec, options, image);
  if (created || (created.error().code() != Errc::not_found && created.error().code() != Errc::unsupported)) {
    return created;
  }
  if (!TRY(bring_all_layers(core, spec, image))) return created;
  return create_from(core, spec, options, image);
}

Result<PreparedContainer> rehearse_container(Core& core, ContainerSpec spec) {
  TRY(settle_limits(core, spec.resources));
  TRY(settle_attachments(core.options().paths.store, spec.network));
  const auto name = TRY(choose_name(core, spec));
  TRY(resolve_secrets(core, spec.secrets));
  TRY(resolve_pod_of(core, spec));
  TRY(resolve_network(core, spec));
  TRY(resolve_userns(core, spec));
  TRY(resolve_shared_namespaces(core, spec));
  const auto* store = TRY(core.store());
  const auto id = storage::ContainerId::make_random();
  const auto bundle = store->containers().path(id);
  const auto images = TRY(store->images().hold(core.cancel()));
  const auto base = TRY(find_base(core, spec, id, bundle));
  auto prepared = TRY(prepare_container(core, {spec, id.text(), name, bundle}, base));
  auto image_root = prepared.launch.rootfs;
  image_root.upper_dir.clear();
  const RootFilesInput files = {prepared.record, image_root, prepared.spec.mounts, prepared.missing_accounts, bundle};
  prepared.launch.rootfs.edits = TRY(plan_root_files(core, files)).edits;
  return prepared;
}

}  // namespace ctr::engine
